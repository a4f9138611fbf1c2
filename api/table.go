package api

import (
	"net/http"

	"github.com/bpsc/bpsc/chain"
)

// meaning is what a code is in HTTP.
type meaning struct {
	status     int
	title      string
	retryable  bool   // the same request may succeed later, and is safe to send
	retryAfter string // seconds, for the Retry-After header
}

// meanings has one entry for each code a client can meet. A 400 lies in the
// request, 404 and 409 in what is or is not there, 422 in a rule of the
// ledger, 503 took no effect for sure, 504 may have.
var meanings = map[string]meaning{
	string(chain.MissingValues):       {status: http.StatusBadRequest, title: "Missing values"},
	string(chain.InvalidField):        {status: http.StatusBadRequest, title: "A field is not valid"},
	string(chain.InvalidUTF8):         {status: http.StatusBadRequest, title: "Text is not valid Unicode"},
	string(chain.NameTooLong):         {status: http.StatusBadRequest, title: "A name is too long"},
	string(chain.NameEmpty):           {status: http.StatusBadRequest, title: "A name is empty"},
	string(chain.MemoTooLong):         {status: http.StatusBadRequest, title: "The memo is too long"},
	string(chain.KeyTooLong):          {status: http.StatusBadRequest, title: "The idempotency key is too long"},
	string(chain.AmountInvalid):       {status: http.StatusBadRequest, title: "The amount is not a number"},
	string(chain.AmountNotPositive):   {status: http.StatusBadRequest, title: "The amount is not positive"},
	string(chain.AmountTooPrecise):    {status: http.StatusBadRequest, title: "The amount has too many places"},
	string(chain.AmountTooLarge):      {status: http.StatusBadRequest, title: "The amount is too large"},
	string(chain.AmountTooSmall):      {status: http.StatusBadRequest, title: "The fee leaves nothing for the recipient"},
	string(chain.ContractInvalid):     {status: http.StatusBadRequest, title: "The contract is not valid"},
	string(chain.ContractUnsupported): {status: http.StatusUnprocessableEntity, title: "The contract is not supported yet"},
	string(chain.NodeInvalid):         {status: http.StatusBadRequest, title: "A node's address is not valid"},

	string(chain.ContractUnknown):   {status: http.StatusNotFound, title: "There is no such contract"},
	string(chain.ContractExists):    {status: http.StatusConflict, title: "The contract exists already"},
	string(chain.ContractsFull):     {status: http.StatusUnprocessableEntity, title: "There is no room for another contract"},
	string(chain.NodesFull):         {status: http.StatusUnprocessableEntity, title: "There is no room for more nodes"},
	string(chain.IDReused):          {status: http.StatusConflict, title: "The id belongs to another transaction"},
	string(chain.BalanceOutOfRange): {status: http.StatusUnprocessableEntity, title: "A balance would leave its range"},
	string(chain.TotalOutOfRange):   {status: http.StatusUnprocessableEntity, title: "A total would leave its range"},
	string(chain.OnRequestDisabled): {status: http.StatusUnprocessableEntity, title: "The contract produces no blocks on request"},
	string(chain.NotFound):          {status: http.StatusNotFound, title: "Not found"},
	string(chain.ErrInvalid):        {status: http.StatusInternalServerError, title: "Stored data does not verify"},

	string(ErrNoLeader):       {status: http.StatusServiceUnavailable, title: "There is no leader at the moment", retryable: true, retryAfter: "1"},
	string(ErrQueueFull):      {status: http.StatusServiceUnavailable, title: "The queue of writes is full", retryable: true, retryAfter: "1"},
	string(ErrNotOrdered):     {status: http.StatusServiceUnavailable, title: "The write was given up before it was ordered", retryable: true, retryAfter: "1"},
	string(ErrShuttingDown):   {status: http.StatusServiceUnavailable, title: "This member is shutting down", retryable: true, retryAfter: "1"},
	string(ErrTooLarge):       {status: http.StatusRequestEntityTooLarge, title: "The write does not fit into the log"},
	string(ErrOutcomeUnknown): {status: http.StatusGatewayTimeout, title: "The write may or may not take effect", retryable: true},

	string(ErrBehind):    {status: http.StatusServiceUnavailable, title: "This member has not caught up", retryable: true, retryAfter: "1"},
	string(ErrNotLeader): {status: http.StatusServiceUnavailable, title: "This member is not the leader", retryable: true, retryAfter: "1"},

	string(ErrNoContract):       {status: http.StatusServiceUnavailable, title: "There is no contract yet", retryable: true, retryAfter: "1"},
	string(ErrInvalidJSON):      {status: http.StatusBadRequest, title: "The body is not valid JSON"},
	string(ErrBodyTooLarge):     {status: http.StatusRequestEntityTooLarge, title: "The body is too large"},
	string(ErrBatchTooLarge):    {status: http.StatusRequestEntityTooLarge, title: "The batch has too many transactions"},
	string(ErrBodyIncomplete):   {status: http.StatusBadRequest, title: "The body ended too early"},
	string(ErrPathUnknown):      {status: http.StatusNotFound, title: "There is no such path"},
	string(ErrMethodNotAllowed): {status: http.StatusMethodNotAllowed, title: "The path does not take this method"},
	string(ErrInternal):         {status: http.StatusInternalServerError, title: "Internal error"},
}
