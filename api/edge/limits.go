package edge

import "time"

const (
	// maxTarget bounds the address that a request asks for. A name of 128 bytes with
	// each of them escaped, and all parameters that a route takes, are some hundred.
	maxTarget = 8 << 10

	// maxHeaders and maxHeaderBytes bound the header that a client may send. The
	// server reads twice as much, so that one which is too large gets an answer that
	// says so; beyond that net/http has a word of its own.
	maxHeaders     = 100
	maxHeaderBytes = 16 << 10

	// MaxWork is how many requests of guests are worked on at a time. It is as many as
	// two cores get through in some milliseconds, which is what they may add to a
	// request of somebody else; 64 clients at a time get 8,000 transfers a second
	// through, most of what they could have together. workPatience is how long the
	// others wait for their turn before they are told to come again.
	MaxWork      = 64
	workPatience = time.Second

	// maxPause is how long a client waits for the word that it comes too often: one
	// that does not care for it asks no sooner again, and costs nothing meanwhile.
	maxPause = time.Second

	// workOfBody is how many bytes of a body are as much work as a request: five open
	// transfers of a batch, or two signed ones.
	workOfBody = 1 << 10

	// maxAddresses and maxTokens are how many clients a rate knows, of some hundred
	// bytes each. Whoever gets others pushed out has that many networks.
	maxAddresses = 1 << 16
	maxTokens    = 1 << 12

	// The lines of the audit a second, of guests and of all others: what a flood of
	// requests may write to the log is one megabyte in a minute, and whoever has a
	// token is found in the log whatever guests do.
	guestLines = 50
	otherLines = 1_000

	// maxRequestID bounds a client's X-Request-Id, which goes into logs.
	maxRequestID = 64

	// maxShown bounds a method or a user's text in a line.
	maxShown = 32
)
