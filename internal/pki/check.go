package pki

import (
	"bytes"
	"crypto/x509"
	"errors"
	"fmt"
	"time"
)

// Check verifies a chain of certificates, the leaf first, for a use at a time. The
// errors are those of this package.
func Check(chain []*x509.Certificate, roots *x509.CertPool, use x509.ExtKeyUsage, now time.Time) error {
	if len(chain) == 0 {
		return ErrNone
	}
	between := x509.NewCertPool()
	for _, c := range chain[1:] {
		between.AddCert(c)
	}
	_, err := chain[0].Verify(x509.VerifyOptions{
		Roots: roots, Intermediates: between, CurrentTime: now, KeyUsages: []x509.ExtKeyUsage{use},
	})
	return Explain(err, chain[0], now)
}

// Explain says in words of this package why a certificate was not taken.
func Explain(err error, leaf *x509.Certificate, now time.Time) error {
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return ValidAt(invalid.Cert, now)
	case errors.As(err, &invalid) && invalid.Reason == x509.IncompatibleUsage:
		return ErrWrongUse
	case errors.As(err, &unknown) && leaf != nil && bytes.Equal(leaf.RawIssuer, leaf.RawSubject):
		return ErrSelfSigned
	case errors.As(err, &unknown):
		return ErrForeign
	}
	return fmt.Errorf("%w: %w", ErrInvalid, err)
}

// ValidAt says whether a certificate's time has not come, or is over.
func ValidAt(cert *x509.Certificate, now time.Time) error {
	switch {
	case now.Before(cert.NotBefore):
		return fmt.Errorf("%w: it begins on %s", ErrNotYet, cert.NotBefore.UTC().Format(time.RFC3339))
	case now.After(cert.NotAfter):
		return fmt.Errorf("%w: it ended on %s", ErrExpired, cert.NotAfter.UTC().Format(time.RFC3339))
	}
	return nil
}
