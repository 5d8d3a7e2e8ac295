package wechatserver

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/pem"
	"math/big"
	"strings"
	"time"
)

// identity is WeChat Pay's key, in the two forms that merchants verify with.
type identity struct {
	key              *rsa.PrivateKey
	keyID, publicKey string // PEM
	serial           string
	certificate      []byte // PEM
}

func makeIdentity() (identity, error) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		return identity{}, err
	}
	public, err := x509.MarshalPKIXPublicKey(&key.PublicKey)
	if err != nil {
		return identity{}, err
	}
	number, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 120))
	if err != nil {
		return identity{}, err
	}
	template := &x509.Certificate{SerialNumber: number, Subject: pkix.Name{CommonName: "WeChat Pay stand-in"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().AddDate(5, 0, 0)}
	certificate, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return identity{}, err
	}
	sum := sha256.Sum256(public)
	return identity{
		key: key, keyID: "PUB_KEY_ID_" + hex.EncodeToString(sum[:16]), publicKey: string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: public})),
		serial: strings.ToUpper(hex.EncodeToString(number.Bytes())), certificate: pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate}),
	}, nil
}
