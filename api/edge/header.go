package edge

import "net/http"

// The headers of every answer. They are shared: nobody changes the values.
var (
	noSniff    = []string{"nosniff"}
	noContent  = []string{"default-src 'none'; frame-ancestors 'none'"}
	noReferrer = []string{"no-referrer"}
	sameOrigin = []string{"same-origin"}
	// A year, and nothing about other names below this one's: they may be others'.
	onlyTLS = []string{"max-age=31536000"}
)

// Harden says to browsers that an answer is data and nothing else: it is not guessed
// what it might be, loads and runs nothing, is shown in no frame, and is not for other
// sites: what a page of another member may read all the same, package cors says.
func Harden(answer http.Header, r *http.Request) {
	answer["X-Content-Type-Options"] = noSniff
	answer["Content-Security-Policy"] = noContent
	answer["Referrer-Policy"] = noReferrer
	answer["Cross-Origin-Resource-Policy"] = sameOrigin
	if r.TLS != nil {
		answer["Strict-Transport-Security"] = onlyTLS
	}
}
