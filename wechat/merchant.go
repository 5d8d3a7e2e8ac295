package wechat

import (
	"slices"
	"strings"

	"yunduo"
)

// Merchant is an account with WeChat Pay, API v3.
type Merchant struct {
	ID         string `json:"id"`
	Serial     string `json:"serial"`     // of the merchant's API certificate
	PrivateKey string `json:"privateKey"` // PEM, of that certificate
	APIv3Key   string `json:"apiV3Key"`   // 32 bytes: opens what WeChat Pay encrypts
	// PublicKeyID and PublicKey are WeChat Pay's key, by which its answers are verified. Without them the platform
	// certificates are fetched, which older merchants have.
	PublicKeyID string `json:"publicKeyId"`
	PublicKey   string `json:"publicKey"` // PEM
	// ProviderAppID says that the merchant is a service provider, who takes payments for others: the app ID that it is
	// bound to, which may be the app's own. Empty for a merchant who takes them for itself.
	ProviderAppID string `json:"providerAppId,omitempty"`
	// SubMerchants are the numbers of those others, as far as the app serves them; "*" stands for all of the provider's.
	SubMerchants []string `json:"subMerchants,omitempty"`
}

// anySub stands for every sub-merchant of a provider's.
const anySub = "*"

const (
	maxPEM          = 16 << 10
	maxSubMerchants = 1000
)

// provider tells whether the merchant takes payments for others.
func (m Merchant) provider() bool { return m.ProviderAppID != "" }

// serves tells whether a sub-merchant is one of the app's.
func (m Merchant) serves(sub string) bool {
	return slices.Contains(m.SubMerchants, sub) || merchantNumber(sub) && slices.Contains(m.SubMerchants, anySub)
}

// over completes a merchant from the one that is set, and checks it.
func (m Merchant) over(old Merchant) (Merchant, error) {
	if m.ID == "" {
		return Merchant{}, nil
	}
	if m.ID == old.ID {
		ordinary := m.ProviderAppID == "" && m.SubMerchants != nil && len(m.SubMerchants) == 0 // says that it is no provider any more
		for _, f := range []struct{ own, old *string }{
			{&m.Serial, &old.Serial}, {&m.PrivateKey, &old.PrivateKey}, {&m.APIv3Key, &old.APIv3Key}, {&m.PublicKeyID, &old.PublicKeyID}, {&m.PublicKey, &old.PublicKey},
		} {
			if *f.own == "" {
				*f.own = *f.old
			}
		}
		if m.ProviderAppID == "" && !ordinary {
			m.ProviderAppID = old.ProviderAppID
		}
		if m.SubMerchants == nil {
			m.SubMerchants = old.SubMerchants
		}
	}
	switch {
	case !merchantNumber(m.ID):
		return m, yunduo.Errorf(yunduo.ReasonInvalidRequest, "merchant.id: a merchant number is made of digits")
	case m.Serial == "" || len(m.Serial) > 64:
		return m, yunduo.Errorf(yunduo.ReasonInvalidRequest, "merchant.serial: the serial number of the merchant's API certificate is missing")
	case len(m.APIv3Key) != 32:
		return m, yunduo.Errorf(yunduo.ReasonInvalidRequest, "merchant.apiV3Key: an API v3 key has 32 bytes")
	case len(m.PrivateKey) > maxPEM || len(m.PublicKey) > maxPEM:
		return m, yunduo.Errorf(yunduo.ReasonInvalidRequest, "merchant: a key is longer than %d bytes", maxPEM)
	case (m.PublicKey == "") != (m.PublicKeyID == ""):
		return m, yunduo.Errorf(yunduo.ReasonInvalidRequest, "merchant.publicKey and merchant.publicKeyId belong together")
	case m.provider() != (len(m.SubMerchants) > 0):
		return m, yunduo.Errorf(yunduo.ReasonInvalidRequest, "merchant.providerAppId and merchant.subMerchants belong together: a service provider needs both")
	case len(m.ProviderAppID) > 32 || strings.ContainsAny(m.ProviderAppID, " \t\r\n"):
		return m, yunduo.Errorf(yunduo.ReasonInvalidRequest, "merchant.providerAppId: this is no app ID of WeChat's")
	case len(m.SubMerchants) > maxSubMerchants:
		return m, yunduo.Errorf(yunduo.ReasonInvalidRequest, "merchant.subMerchants: %d are more than %d; \"*\" stands for all of the provider's", len(m.SubMerchants), maxSubMerchants)
	}
	for i, sub := range m.SubMerchants {
		if sub != anySub && !merchantNumber(sub) || sub == m.ID {
			return m, yunduo.Errorf(yunduo.ReasonInvalidRequest, "merchant.subMerchants[%d]: the number of a sub-merchant is made of digits, and is not the provider's own", i)
		}
	}
	if _, err := m.privateKey(); err != nil {
		return m, err
	}
	if m.PublicKey != "" {
		if _, err := publicKey(m.PublicKey); err != nil {
			return m, err
		}
	}
	return m, nil
}

func merchantNumber(text string) bool {
	return text != "" && len(text) <= 32 && !strings.ContainsFunc(text, func(c rune) bool { return c < '0' || c > '9' })
}
