package pki

import (
	"bytes"
	"crypto"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

const (
	typeCertificate = "CERTIFICATE"
	typeKey         = "PRIVATE KEY"

	// MaxFile bounds a file of certificates: some hundred of them.
	MaxFile = 1 << 20
)

// Pair is a certificate and its key.
type Pair struct {
	Certificate *x509.Certificate
	Key         crypto.Signer
}

// Encode writes the certificate and the key as PEM.
func (p Pair) Encode() (cert, key []byte, err error) { return encode(p.Certificate, p.Key) }

// Encode writes the authority's certificate and key as PEM.
func (a *Authority) Encode() (cert, key []byte, err error) { return encode(a.Certificate, a.key) }

func encode(cert *x509.Certificate, key crypto.Signer) (certPEM, keyPEM []byte, err error) {
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return nil, nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: typeCertificate, Bytes: cert.Raw}),
		pem.EncodeToMemory(&pem.Block{Type: typeKey, Bytes: der}), nil
}

// ReadAuthority reads what Encode wrote.
func ReadAuthority(certPEM, keyPEM []byte) (*Authority, error) {
	pair, err := tls.X509KeyPair(certPEM, keyPEM)
	if err != nil {
		return nil, err
	}
	key, is := pair.PrivateKey.(crypto.Signer)
	if !pair.Leaf.IsCA || !is {
		return nil, errors.New("it is the certificate of no authority")
	}
	return &Authority{pair.Leaf, key}, nil
}

// Certificates reads all certificates of a file, one at least.
func Certificates(text []byte) (list []*x509.Certificate, err error) {
	if len(text) > MaxFile {
		return nil, fmt.Errorf("it has more than %d bytes", MaxFile)
	}
	for rest := bytes.TrimSpace(text); len(rest) > 0; rest = bytes.TrimSpace(rest) {
		var block *pem.Block
		if block, rest = pem.Decode(rest); block == nil {
			return nil, errors.New("it is no PEM, or has something behind its last certificate")
		}
		if block.Type != typeCertificate {
			return nil, fmt.Errorf("it has a %s beside certificates", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		list = append(list, cert)
	}
	if len(list) == 0 {
		return nil, errors.New("it has no certificate")
	}
	return list, nil
}

// Pool is the authorities of a file.
func Pool(text []byte) (*x509.CertPool, error) {
	list, err := Certificates(text)
	if err != nil {
		return nil, err
	}
	pool := x509.NewCertPool()
	for _, cert := range list {
		if !cert.IsCA {
			return nil, fmt.Errorf("%s is the certificate of no authority", cert.Subject)
		}
		pool.AddCert(cert)
	}
	return pool, nil
}
