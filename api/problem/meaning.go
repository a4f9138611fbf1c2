package problem

import (
	"maps"
	"net/http"
	"slices"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/internal/outcome"
)

// Meaning is what a code is in HTTP.
type Meaning struct {
	Status int
	Title  string
}

// NoEffect: nothing has happened, and the same request may succeed in a moment.
func (m Meaning) NoEffect() bool {
	return m.Status == http.StatusServiceUnavailable || m.Status == http.StatusTooManyRequests
}

// Retryable: the same request may succeed later, and is safe to send.
func (m Meaning) Retryable() bool { return m.NoEffect() || m.Status == http.StatusGatewayTimeout }

// MeaningOf is that of one of Codes.
func MeaningOf(code string) Meaning { return meanings[code] }

// Codes are all that a problem can have, in order.
func Codes() []string { return slices.Sorted(maps.Keys(meanings)) }

// meanings has one entry for each code that a client can get, in the order in which
// the codes are declared; of package proof, those that are not for whoever
// verifies. A 400 lies in the request, 403 in who asks, 404 and
// 409 in what is or is not there, 422 in a rule of the ledger, 503 took no
// effect for sure, 504 may have.
//
// Of several reasons to refuse a transaction the first in this order is told:
// the request and its JSON; the contract; the kind; fields that are missing;
// the form of each field; fields that are not of the kind; amounts, addresses
// and the other values; the fee; the signature. Then, in the ledger: what the
// id was decided to be before; expired and expires_too_far; key_wrong; for
// transfers and holds account_frozen, the limits, insufficient_funds, and for
// holds holds_full and hold_until_invalid; for accept and reject hold_unknown,
// hold_not_yours, and how the hold was resolved; for a freeze not_freezable,
// then not_issuer; for an issue not_mintable, then not_issuer; for spend and
// burn not_treasurer, then insufficient_fees; at last the ranges.
var meanings = map[string]Meaning{
	string(chain.MissingValues):     {http.StatusBadRequest, "Missing values"},
	string(chain.InvalidField):      {http.StatusBadRequest, "A field is not valid"},
	string(chain.InvalidUTF8):       {http.StatusBadRequest, "Text is not valid Unicode"},
	string(chain.NameTooLong):       {http.StatusBadRequest, "A name is too long"},
	string(chain.NameEmpty):         {http.StatusBadRequest, "A name is empty"},
	string(chain.MemoTooLong):       {http.StatusBadRequest, "The memo is too long"},
	string(chain.KeyTooLong):        {http.StatusBadRequest, "The idempotency key is too long"},
	string(chain.AmountInvalid):     {http.StatusBadRequest, "The amount is not a number"},
	string(chain.AmountNotPositive): {http.StatusBadRequest, "The amount is not positive"},
	string(chain.AmountTooPrecise):  {http.StatusBadRequest, "The amount has too many places"},
	string(chain.AmountTooLarge):    {http.StatusBadRequest, "The amount is too large"},
	string(chain.AmountTooSmall):    {http.StatusBadRequest, "The fee leaves nothing for the recipient"},
	string(chain.AddressInvalid):    {http.StatusBadRequest, "An address is not valid"},
	string(chain.SignatureInvalid):  {http.StatusBadRequest, "The signature is not good"},
	string(chain.NonceInvalid):      {http.StatusBadRequest, "The nonce is not valid"},
	string(chain.ExpiresInvalid):    {http.StatusBadRequest, "The time of expiry is not valid"},
	string(chain.KindInvalid):       {http.StatusBadRequest, "There is no such kind of transaction"},
	string(chain.RulesInvalid):      {http.StatusBadRequest, "The change of rules is not valid"},
	string(chain.OwnAccount):        {http.StatusBadRequest, "Sender and recipient are the same"},
	string(chain.ContractInvalid):   {http.StatusBadRequest, "The contract is not valid"},
	string(chain.NodeInvalid):       {http.StatusBadRequest, "A node's address is not valid"},

	string(chain.ContractUnknown):     {http.StatusNotFound, "There is no such contract"},
	string(chain.ContractExists):      {http.StatusConflict, "The contract exists already"},
	string(chain.ContractsFull):       {http.StatusUnprocessableEntity, "There is no room for another contract"},
	string(chain.SchedulesFull):       {http.StatusUnprocessableEntity, "The contracts' schedules together would produce too many blocks"},
	string(chain.IDReused):            {http.StatusConflict, "The id belongs to another transaction"},
	string(chain.Expired):             {http.StatusUnprocessableEntity, "The transaction came after it expired"},
	string(chain.ExpiresTooFar):       {http.StatusUnprocessableEntity, "The transaction expires too far ahead"},
	string(chain.KeyWrong):            {http.StatusForbidden, "The key is not that of the sender"},
	string(chain.AccountFrozen):       {http.StatusUnprocessableEntity, "The sender's wallet is frozen"},
	string(chain.InsufficientFunds):   {http.StatusUnprocessableEntity, "The sender has not enough"},
	string(chain.LimitPerTransfer):    {http.StatusUnprocessableEntity, "The sender's limit for a transfer is lower"},
	string(chain.LimitPerDay):         {http.StatusUnprocessableEntity, "The sender's limit for the day is reached"},
	string(chain.HoldUnknown):         {http.StatusNotFound, "There is no such hold"},
	string(chain.HoldNotYours):        {http.StatusForbidden, "The hold is for another recipient"},
	string(chain.HoldDelivered):       {http.StatusConflict, "The hold has been delivered"},
	string(chain.HoldRejected):        {http.StatusConflict, "The hold has been rejected"},
	string(chain.HoldHasExpired):      {http.StatusConflict, "The hold has expired"},
	string(chain.HoldRefunded):        {http.StatusConflict, "The hold has been given back"},
	string(chain.HoldUntilInvalid):    {http.StatusUnprocessableEntity, "The end of the hold is not in its range"},
	string(chain.HoldsFull):           {http.StatusUnprocessableEntity, "There is no room for another hold"},
	string(chain.SenderHoldsFull):     {http.StatusUnprocessableEntity, "Too many holds of the sender wait"},
	string(chain.HoldTooSmall):        {http.StatusUnprocessableEntity, "So many holds wait that this one is too small"},
	string(chain.NotIssuer):           {http.StatusForbidden, "Only the contract's issuer may do this"},
	string(chain.NotTreasurer):        {http.StatusForbidden, "Only the contract's treasurer may do this"},
	string(chain.NotMintable):         {http.StatusUnprocessableEntity, "The contract creates no tokens after its start"},
	string(chain.NotFreezable):        {http.StatusUnprocessableEntity, "The wallet cannot be frozen"},
	string(chain.InsufficientFees):    {http.StatusUnprocessableEntity, "The fees held are not enough"},
	string(chain.BalanceOutOfRange):   {http.StatusUnprocessableEntity, "A balance would leave its range"},
	string(chain.TotalOutOfRange):     {http.StatusUnprocessableEntity, "A total would leave its range"},
	string(chain.OnRequestDisabled):   {http.StatusUnprocessableEntity, "The contract produces no blocks on request"},
	string(chain.MembersFull):         {http.StatusUnprocessableEntity, "There is no room for another member or witness"},
	string(chain.MemberNotConfigured): {http.StatusUnprocessableEntity, "It is no member of the cluster"},
	string(chain.MemberKeyFixed):      {http.StatusConflict, "A member's key is another one, and never changes"},
	string(chain.EndorsementWrong):    {http.StatusUnprocessableEntity, "It is not this member's signature of that handover"},
	string(chain.RecoveryInvalid):     {http.StatusUnprocessableEntity, "It does not say who recovered the cluster, why, and with which members"},
	string(chain.AttestationWrong):    {http.StatusUnprocessableEntity, "A member's attestation is not taken"},
	string(chain.LevelActive):         {http.StatusConflict, "A later level is active, and there is no way back"},
	string(chain.LevelUnsupported):    {http.StatusConflict, "Not all members know this level"},
	string(chain.LevelNotActive):      {http.StatusConflict, "The cluster has not activated the level that this needs"},
	string(chain.TokenUnknown):        {http.StatusNotFound, "There is no such token"},
	string(chain.TokenRequired):       {http.StatusUnauthorized, "This needs a token"},
	string(chain.TokenRevoked):        {http.StatusUnauthorized, "The token was revoked"},
	string(chain.TokenExpired):        {http.StatusUnauthorized, "The token has expired"},
	string(chain.TokenTooBroad):       {http.StatusForbidden, "A token makes none that may do more than itself"},
	string(chain.TokensFull):          {http.StatusUnprocessableEntity, "There is no room for another token"},
	string(chain.AuditEntryInvalid):   {http.StatusBadRequest, "It cannot be noted in the audit log"},
	string(chain.NotFound):            {http.StatusNotFound, "Not found"},
	string(chain.ErrInvalid):          {http.StatusInternalServerError, "Stored data does not verify"},

	string(outcome.NoLeader):     {http.StatusServiceUnavailable, "There is no leader at the moment"},
	string(outcome.QueueFull):    {http.StatusServiceUnavailable, "The queue of writes is full"},
	string(outcome.NotOrdered):   {http.StatusServiceUnavailable, "The write was given up before it was ordered"},
	string(outcome.ShuttingDown): {http.StatusServiceUnavailable, "This member is shutting down"},
	string(outcome.DiskFull):     {http.StatusServiceUnavailable, "There is too little room for new writes"},
	string(outcome.TooLarge):     {http.StatusRequestEntityTooLarge, "The write does not fit into the log"},
	string(outcome.Unknown):      {http.StatusGatewayTimeout, "The write may or may not take effect"},

	string(outcome.NoUpstream): {http.StatusServiceUnavailable, "No member can be reached from here"},
	string(outcome.RelayLoop):  {http.StatusLoopDetected, "Followers hand this request round in a circle"},

	string(outcome.HostUnknown):   {http.StatusForbidden, "This node does not go by that name"},
	string(outcome.OriginForeign): {http.StatusForbidden, "Pages of another site may not do this"},
	string(outcome.TokenInvalid):  {http.StatusUnauthorized, "The token is not known here"},
	string(outcome.TokenInURL):    {http.StatusBadRequest, "A token does not belong into an address"},
	string(outcome.RoleMissing):   {http.StatusForbidden, "The token has not the role for this"},
	string(outcome.OtherContract): {http.StatusForbidden, "The token is for another contract"},

	string(outcome.ChangeInvalid):        {http.StatusBadRequest, "The change is not valid"},
	string(outcome.MemberExists):         {http.StatusConflict, "There is such a member already"},
	string(outcome.MemberUnknown):        {http.StatusNotFound, "There is no such member"},
	string(outcome.MemberRemoved):        {http.StatusConflict, "This instance of the member was removed for ever"},
	string(outcome.QuorumAtRisk):         {http.StatusConflict, "Too few voters would be there"},
	string(outcome.TwoVoters):            {http.StatusConflict, "Of two voters neither may fail"},
	string(outcome.ChangeInProgress):     {http.StatusConflict, "Another change of the members is not finished"},
	string(outcome.ConfigurationChanged): {http.StatusConflict, "The members are not those that were seen"},
	string(outcome.MemberUnreachable):    {http.StatusConflict, "No member answers at the address"},
	string(outcome.OtherCluster):         {http.StatusConflict, "A member of another cluster is at the address"},
	string(outcome.MemberNotEmpty):       {http.StatusConflict, "Another member of this cluster is at the address"},
	string(outcome.MemberTooOld):         {http.StatusConflict, "The member does not know the level that is active"},
	string(outcome.NotCaughtUp):          {http.StatusConflict, "The member is too far behind to vote"},
	string(outcome.AlreadyVoter):         {http.StatusConflict, "The member votes already"},
	string(outcome.NotAVoter):            {http.StatusConflict, "The member does not vote"},
	string(outcome.NoTransferTarget):     {http.StatusConflict, "Nobody can take over leadership"},
	string(outcome.ClusterFull):          {http.StatusUnprocessableEntity, "There is no room for another member"},

	string(outcome.OtherChain):       {http.StatusConflict, "The contract's chain is another one here"},
	string(outcome.PathUnknown):      {http.StatusNotFound, "There is no such path"},
	string(outcome.MethodNotAllowed): {http.StatusMethodNotAllowed, "The path does not take this method"},

	string(outcome.RequestMalformed): {http.StatusBadRequest, "No client of this API sends such a request"},
	string(outcome.TargetTooLong):    {http.StatusRequestURITooLong, "The address is too long"},
	string(outcome.HeaderTooLarge):   {http.StatusRequestHeaderFieldsTooLarge, "The header is too large"},
	string(outcome.TLSRequired):      {http.StatusBadRequest, "This port speaks HTTPS"}, // written by internal/webserver, below HTTP
	string(outcome.RateLimited):      {http.StatusTooManyRequests, "Requests come too often"},

	string(outcome.InvalidJSON):   {http.StatusBadRequest, "The body is not valid JSON"},
	string(outcome.BodyTooLarge):  {http.StatusRequestEntityTooLarge, "The body is too large"},
	string(outcome.BatchTooLarge): {http.StatusRequestEntityTooLarge, "The batch has too many transactions"},
	string(outcome.PersonalFull):  {http.StatusUnprocessableEntity, "The next block of the personal chain is full"},

	string(Behind):    {http.StatusServiceUnavailable, "This node has not caught up"},
	string(NotLeader): {http.StatusServiceUnavailable, "This member is not the leader"},

	string(ContractNotHere): {http.StatusServiceUnavailable, "This node has not heard of such a contract yet"},

	string(BlockNotHere):  {http.StatusNotFound, "The chain has no such block here yet"},
	string(BeforeGenesis): {http.StatusNotFound, "The chain begins later"},
	string(PastNotReady):  {http.StatusServiceUnavailable, "This node has not read all of that past yet"},

	string(ReceiptNotReady): {http.StatusServiceUnavailable, "No checkpoint covers the transaction yet"},

	string(TooManyClients): {http.StatusServiceUnavailable, "This node serves as many clients as it can"},

	string(NotHere): {http.StatusNotFound, "Only a member of the cluster does this"},

	string(NoContract):     {http.StatusServiceUnavailable, "There is no contract yet"},
	string(BodyIncomplete): {http.StatusBadRequest, "The body ended too early"},
	string(Internal):       {http.StatusInternalServerError, "Internal error"},

	string(TooManyBlocks): {http.StatusTooManyRequests, "Blocks are asked for too often"},

	string(BackupRuns): {http.StatusConflict, "A backup is being taken already"},

	string(proof.ErrTilePath):    {http.StatusBadRequest, "There are no tiles of that name"},
	string(proof.ErrTileMissing): {http.StatusNotFound, "The log has no such tile yet"},
}
