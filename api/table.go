package api

import (
	"net/http"

	"github.com/bpsc/bpsc/chain"
	"github.com/bpsc/bpsc/chain/proof"
	"github.com/bpsc/bpsc/intake"
	"github.com/bpsc/bpsc/internal/outcome"
)

// meaning is what a code is in HTTP.
type meaning struct {
	status     int
	title      string
	retryable  bool   // the same request may succeed later, and is safe to send
	retryAfter string // seconds, for the Retry-After header
}

// meanings has one entry for each code a client can meet, in the order in which
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
var meanings = map[string]meaning{
	string(chain.MissingValues):     {status: http.StatusBadRequest, title: "Missing values"},
	string(chain.InvalidField):      {status: http.StatusBadRequest, title: "A field is not valid"},
	string(chain.InvalidUTF8):       {status: http.StatusBadRequest, title: "Text is not valid Unicode"},
	string(chain.NameTooLong):       {status: http.StatusBadRequest, title: "A name is too long"},
	string(chain.NameEmpty):         {status: http.StatusBadRequest, title: "A name is empty"},
	string(chain.MemoTooLong):       {status: http.StatusBadRequest, title: "The memo is too long"},
	string(chain.KeyTooLong):        {status: http.StatusBadRequest, title: "The idempotency key is too long"},
	string(chain.AmountInvalid):     {status: http.StatusBadRequest, title: "The amount is not a number"},
	string(chain.AmountNotPositive): {status: http.StatusBadRequest, title: "The amount is not positive"},
	string(chain.AmountTooPrecise):  {status: http.StatusBadRequest, title: "The amount has too many places"},
	string(chain.AmountTooLarge):    {status: http.StatusBadRequest, title: "The amount is too large"},
	string(chain.AmountTooSmall):    {status: http.StatusBadRequest, title: "The fee leaves nothing for the recipient"},
	string(chain.AddressInvalid):    {status: http.StatusBadRequest, title: "An address is not valid"},
	string(chain.SignatureInvalid):  {status: http.StatusBadRequest, title: "The signature is not good"},
	string(chain.NonceInvalid):      {status: http.StatusBadRequest, title: "The nonce is not valid"},
	string(chain.ExpiresInvalid):    {status: http.StatusBadRequest, title: "The time of expiry is not valid"},
	string(chain.KindInvalid):       {status: http.StatusBadRequest, title: "There is no such kind of transaction"},
	string(chain.RulesInvalid):      {status: http.StatusBadRequest, title: "The change of rules is not valid"},
	string(chain.OwnAccount):        {status: http.StatusBadRequest, title: "Sender and recipient are the same"},
	string(chain.ContractInvalid):   {status: http.StatusBadRequest, title: "The contract is not valid"},
	string(chain.NodeInvalid):       {status: http.StatusBadRequest, title: "A node's address is not valid"},

	string(chain.ContractUnknown):   {status: http.StatusNotFound, title: "There is no such contract"},
	string(chain.ContractExists):    {status: http.StatusConflict, title: "The contract exists already"},
	string(chain.ContractsFull):     {status: http.StatusUnprocessableEntity, title: "There is no room for another contract"},
	string(chain.SchedulesFull):     {status: http.StatusUnprocessableEntity, title: "The contracts' schedules together would produce too many blocks"},
	string(chain.IDReused):          {status: http.StatusConflict, title: "The id belongs to another transaction"},
	string(chain.Expired):           {status: http.StatusUnprocessableEntity, title: "The transaction came after it expired"},
	string(chain.ExpiresTooFar):     {status: http.StatusUnprocessableEntity, title: "The transaction expires too far ahead"},
	string(chain.KeyWrong):          {status: http.StatusForbidden, title: "The key is not that of the sender"},
	string(chain.AccountFrozen):     {status: http.StatusUnprocessableEntity, title: "The sender's wallet is frozen"},
	string(chain.InsufficientFunds): {status: http.StatusUnprocessableEntity, title: "The sender has not enough"},
	string(chain.LimitPerTransfer):  {status: http.StatusUnprocessableEntity, title: "The sender's limit for a transfer is lower"},
	string(chain.LimitPerDay):       {status: http.StatusUnprocessableEntity, title: "The sender's limit for the day is reached"},
	string(chain.HoldUnknown):       {status: http.StatusNotFound, title: "There is no such hold"},
	string(chain.HoldNotYours):      {status: http.StatusForbidden, title: "The hold is for another recipient"},
	string(chain.HoldDelivered):     {status: http.StatusConflict, title: "The hold has been delivered"},
	string(chain.HoldRejected):      {status: http.StatusConflict, title: "The hold has been rejected"},
	string(chain.HoldHasExpired):    {status: http.StatusConflict, title: "The hold has expired"},
	string(chain.HoldRefunded):      {status: http.StatusConflict, title: "The hold has been given back"},
	string(chain.HoldUntilInvalid):  {status: http.StatusUnprocessableEntity, title: "The end of the hold is not in its range"},
	string(chain.HoldsFull):         {status: http.StatusUnprocessableEntity, title: "There is no room for another hold"},
	string(chain.SenderHoldsFull):   {status: http.StatusUnprocessableEntity, title: "Too many holds of the sender wait"},
	string(chain.HoldTooSmall):      {status: http.StatusUnprocessableEntity, title: "So many holds wait that this one is too small"},
	string(chain.NotIssuer):         {status: http.StatusForbidden, title: "Only the contract's issuer may do this"},
	string(chain.NotTreasurer):      {status: http.StatusForbidden, title: "Only the contract's treasurer may do this"},
	string(chain.NotMintable):       {status: http.StatusUnprocessableEntity, title: "The contract creates no tokens after its start"},
	string(chain.NotFreezable):      {status: http.StatusUnprocessableEntity, title: "The wallet cannot be frozen"},
	string(chain.InsufficientFees):  {status: http.StatusUnprocessableEntity, title: "The fees held are not enough"},
	string(chain.BalanceOutOfRange): {status: http.StatusUnprocessableEntity, title: "A balance would leave its range"},
	string(chain.TotalOutOfRange):   {status: http.StatusUnprocessableEntity, title: "A total would leave its range"},
	string(chain.OnRequestDisabled): {status: http.StatusUnprocessableEntity, title: "The contract produces no blocks on request"},
	string(chain.MembersFull):       {status: http.StatusUnprocessableEntity, title: "There is no room for another member or witness"},
	string(chain.MemberKeyFixed):    {status: http.StatusConflict, title: "A member's key is another one, and never changes"},
	string(chain.AttestationWrong):  {status: http.StatusUnprocessableEntity, title: "A member's word on a chain is not taken"},
	string(chain.NotFound):          {status: http.StatusNotFound, title: "Not found"},
	string(chain.ErrInvalid):        {status: http.StatusInternalServerError, title: "Stored data does not verify"},

	string(outcome.NoLeader):     {status: http.StatusServiceUnavailable, title: "There is no leader at the moment", retryable: true, retryAfter: "1"},
	string(outcome.QueueFull):    {status: http.StatusServiceUnavailable, title: "The queue of writes is full", retryable: true, retryAfter: "1"},
	string(outcome.NotOrdered):   {status: http.StatusServiceUnavailable, title: "The write was given up before it was ordered", retryable: true, retryAfter: "1"},
	string(outcome.ShuttingDown): {status: http.StatusServiceUnavailable, title: "This member is shutting down", retryable: true, retryAfter: "1"},
	string(outcome.TooLarge):     {status: http.StatusRequestEntityTooLarge, title: "The write does not fit into the log"},
	string(outcome.Unknown):      {status: http.StatusGatewayTimeout, title: "The write may or may not take effect", retryable: true},

	string(outcome.NoUpstream): {status: http.StatusServiceUnavailable, title: "No member can be reached from here", retryable: true, retryAfter: "1"},
	string(outcome.RelayLoop):  {status: http.StatusLoopDetected, title: "Followers hand this request round in a circle"},

	string(outcome.OtherChain):       {status: http.StatusConflict, title: "The contract's chain is another one here"},
	string(outcome.PathUnknown):      {status: http.StatusNotFound, title: "There is no such path"},
	string(outcome.MethodNotAllowed): {status: http.StatusMethodNotAllowed, title: "The path does not take this method"},

	string(ErrBehind):    {status: http.StatusServiceUnavailable, title: "This node has not caught up", retryable: true, retryAfter: "1"},
	string(ErrNotLeader): {status: http.StatusServiceUnavailable, title: "This member is not the leader", retryable: true, retryAfter: "1"},

	string(ErrContractNotHere): {status: http.StatusServiceUnavailable, title: "This node has not heard of such a contract yet", retryable: true, retryAfter: "1"},

	string(ErrReceiptNotReady): {status: http.StatusServiceUnavailable, title: "No checkpoint covers the transaction yet", retryable: true, retryAfter: "1"},

	string(ErrTooManyClients): {status: http.StatusServiceUnavailable, title: "This node serves as many clients as it can", retryable: true, retryAfter: "1"},

	string(ErrPersonalFull): {status: http.StatusUnprocessableEntity, title: "The next block of the personal chain is full"},
	string(ErrNotHere):      {status: http.StatusNotFound, title: "Only a member of the cluster does this"},

	string(ErrNoContract):     {status: http.StatusServiceUnavailable, title: "There is no contract yet", retryable: true, retryAfter: "1"},
	string(ErrBodyTooLarge):   {status: http.StatusRequestEntityTooLarge, title: "The body is too large"},
	string(ErrBodyIncomplete): {status: http.StatusBadRequest, title: "The body ended too early"},
	string(ErrInternal):       {status: http.StatusInternalServerError, title: "Internal error"},

	string(ErrHostUnknown):   {status: http.StatusForbidden, title: "This node does not go by that name"},
	string(ErrOriginForeign): {status: http.StatusForbidden, title: "Pages of another site may not do this"},
	string(ErrOperatorOnly):  {status: http.StatusForbidden, title: "Only the operator may do this"},
	string(ErrTooManyBlocks): {status: http.StatusTooManyRequests, title: "Blocks are asked for too often", retryable: true, retryAfter: "1"},

	string(intake.ErrInvalidJSON):   {status: http.StatusBadRequest, title: "The body is not valid JSON"},
	string(intake.ErrBatchTooLarge): {status: http.StatusRequestEntityTooLarge, title: "The batch has too many transactions"},

	string(proof.ErrTilePath):    {status: http.StatusBadRequest, title: "There are no tiles of that name"},
	string(proof.ErrTileMissing): {status: http.StatusNotFound, title: "The log has no such tile yet"},
}
