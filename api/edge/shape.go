package edge

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/bpsc/bpsc/internal/outcome"
)

// overrides are headers by which some servers let a request be of another method
// than it says, past whoever has let it through for the one that it says.
var overrides = [...]string{"X-Http-Method-Override", "X-Http-Method", "X-Method-Override"}

// CheckShape refuses a request that no client of this API sends. Paths are not looked
// at: none is cleaned, or decoded before it is matched, so that a name may be any text,
// and what is no name leads nowhere.
func CheckShape(r *http.Request) error {
	target := r.URL
	switch {
	case len(r.RequestURI) > maxTarget:
		return fmt.Errorf("%w: %d bytes, at most %d", outcome.TargetTooLong, len(r.RequestURI), maxTarget)
	case r.Method == http.MethodConnect || target.Opaque != "" || !strings.HasPrefix(target.Path, "/"):
		return malformed("this is no proxy: ask for a path that begins with /")
	case target.User != nil || strings.Contains(r.Host, "@"):
		return malformed("an address with a user in it")
	// To take an address with scheme and host is every server's duty (RFC 9112, 3.2.2).
	case target.Scheme != "" && target.Scheme != "http" && target.Scheme != "https":
		return malformed("this is no proxy: the scheme is http or https")
	}
	for _, name := range overrides {
		if r.Header[name] != nil {
			return malformed(name + ": the method of a request is the one in its first line")
		}
	}
	return checkHeader(r.Header)
}

func malformed(why string) error { return fmt.Errorf("%w: %s", outcome.RequestMalformed, why) }

func checkHeader(h http.Header) error {
	count, size := 0, 0
	for name, values := range h {
		count += len(values)
		for _, value := range values {
			size += len(name) + len(value)
		}
	}
	if count > maxHeaders || size > maxHeaderBytes {
		return fmt.Errorf("%w: %d fields of %d bytes, at most %d of %d", outcome.HeaderTooLarge, count, size, maxHeaders, maxHeaderBytes)
	}
	return nil
}
