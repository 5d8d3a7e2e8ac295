package wechatserver

import (
	"bytes"
	"crypto"
	"crypto/aes"
	"crypto/cipher"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Order is an order at WeChat Pay.
type Order struct {
	AppID         string    `json:"appid"`
	MerchantID    string    `json:"mchid"`
	SubAppID      string    `json:"sub_appid,omitempty"` // of a service provider's order, as the next
	SubID         string    `json:"sub_mchid,omitempty"`
	OutTradeNo    string    `json:"out_trade_no"`
	Description   string    `json:"description"`
	Attach        string    `json:"attach,omitempty"`
	NotifyURL     string    `json:"notify_url"`
	Total         int64     `json:"total"` // fen
	Kind          string    `json:"trade_type"`
	OpenID        string    `json:"openid,omitempty"`
	PrepayID      string    `json:"prepay_id,omitempty"`
	State         string    `json:"trade_state"` // NOTPAY, SUCCESS, CLOSED, REFUND; by payment code also USERPAYING, REVOKED
	TransactionID string    `json:"transaction_id,omitempty"`
	CreatedAt     time.Time `json:"createdAt"`
	PaidAt        time.Time `json:"paidAt"`
	Notified      string    `json:"notified,omitempty"` // what became of the last notification
	refunded      int64
	code          string // of a payment by code
	sharing       bool   // parts of it may go to others
	shared        int64  // what went to others, and was not given back
	unfrozen      bool   // the rest is the merchant's
}

// Refund is a refund of an order.
type Refund struct {
	ID, OutRefundNo, OutTradeNo, TransactionID, MerchantID, SubID, NotifyURL string
	Refund, Total                                                            int64
	At                                                                       time.Time
	order                                                                    *Order
}

var (
	numberForm    = regexp.MustCompile(`^[A-Za-z0-9_*|@-]{6,32}$`)
	authorization = regexp.MustCompile(`([a-z_]+)="([^"]*)"`)
)

const skew = 5 * time.Minute

// payRequest is a request whose signature is right.
type payRequest struct {
	*http.Request
	merchant *Merchant
	body     []byte
}

func (s *Server) payRoutes() {
	for path, handle := range map[string]func(*payRequest) (int, any){
		"POST /{kind}/jsapi":                         s.createOrder("JSAPI"),
		"POST /{kind}/native":                        s.createOrder("NATIVE"),
		"POST /{kind}/h5":                            s.createOrder("MWEB"),
		"POST /{kind}/codepay":                       s.payByCode,
		"GET /{kind}/out-trade-no/{number}":          s.queryOrder,
		"GET /{kind}/id/{id}":                        s.queryOrder,
		"POST /{kind}/out-trade-no/{number}/close":   s.closeOrder,
		"POST /{kind}/out-trade-no/{number}/reverse": s.reverseOrder,
	} {
		s.mux.HandleFunc(strings.Replace(path, "/{kind}", "/v3/pay/transactions", 1), s.signed(forKind(false, handle)))
		s.mux.HandleFunc(strings.Replace(path, "/{kind}", "/v3/pay/partner/transactions", 1), s.signed(forKind(true, handle)))
	}
	for path, handle := range map[string]func(*payRequest) (int, any){
		"POST /v3/refund/domestic/refunds":         s.refund,
		"GET /v3/refund/domestic/refunds/{number}": s.queryRefund,
		"GET /v3/bill/tradebill":                   s.tradeBill,
		"GET /v3/bill/fundflowbill":                s.fundBill,
		"GET /v3/bill/sub-merchant-fundflowbill":   s.subFundBill,
		"GET /v3/certificates":                     s.certificates,

		"POST /v3/profitsharing/orders":                   s.share,
		"POST /v3/profitsharing/orders/unfreeze":          s.unfreeze,
		"GET /v3/profitsharing/orders/{number}":           s.querySharing,
		"POST /v3/profitsharing/return-orders":            s.giveBack,
		"GET /v3/profitsharing/return-orders/{number}":    s.queryGivenBack,
		"GET /v3/profitsharing/transactions/{id}/amounts": s.leftToShare,
		"POST /v3/profitsharing/receivers/add":            s.addReceiver,
		"POST /v3/profitsharing/receivers/delete":         s.deleteReceiver,
	} {
		s.mux.HandleFunc(path, s.signed(handle))
	}
	s.mux.HandleFunc("GET /v3/billdownload/file", s.billFile)
	s.mux.HandleFunc("/v3/", s.signed(func(*payRequest) (int, any) {
		return failure(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "the stand-in does not play this address")
	}))
}

func failure(status int, code, message string) (int, any) {
	return status, map[string]string{"code": code, "message": message}
}

// signed lets requests through that bear a merchant's signature, and signs the answers.
func (s *Server) signed(handle func(*payRequest) (int, any)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
		if err != nil {
			return
		}
		merchant, wrong := s.authorize(r, body)
		var status int
		var value any
		if wrong != "" {
			status, value = failure(http.StatusUnauthorized, "SIGN_ERROR", wrong)
		} else {
			status, value = handle(&payRequest{r, merchant, body})
		}
		var text []byte
		if value != nil {
			if text, err = json.Marshal(value); err != nil {
				status = http.StatusInternalServerError
			}
		}
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		if err := s.sign(w.Header(), text, r.Header.Get("Wechatpay-Serial")); err != nil {
			status, text = http.StatusInternalServerError, nil
		}
		w.WriteHeader(status)
		_, _ = w.Write(text)
	}
}

// authorize verifies the signature of a request.
func (s *Server) authorize(r *http.Request, body []byte) (merchant *Merchant, wrong string) {
	kind, rest, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if kind != "WECHATPAY2-SHA256-RSA2048" {
		return nil, "the Authorization header is missing or of another scheme"
	}
	part := map[string]string{}
	for _, m := range authorization.FindAllStringSubmatch(rest, -1) {
		part[m[1]] = m[2]
	}
	s.mu.Lock()
	merchant = s.merchants[part["mchid"]]
	s.mu.Unlock()
	if merchant == nil {
		return nil, "the merchant does not exist"
	}
	if part["serial_no"] != merchant.Serial {
		return nil, "the merchant has no certificate with this serial number"
	}
	at, err := strconv.ParseInt(part["timestamp"], 10, 64)
	if err != nil || s.now().Sub(time.Unix(at, 0)).Abs() > skew {
		return nil, "the timestamp is too old"
	}
	if part["nonce_str"] == "" {
		return nil, "nonce_str is missing"
	}
	signature, err := base64.StdEncoding.DecodeString(part["signature"])
	if err != nil {
		return nil, "the signature is not base64"
	}
	text := r.Method + "\n" + r.URL.RequestURI() + "\n" + part["timestamp"] + "\n" + part["nonce_str"] + "\n" + string(body) + "\n"
	digest := sha256.Sum256([]byte(text))
	if rsa.VerifyPKCS1v15(merchant.PublicKey, crypto.SHA256, digest[:], signature) != nil {
		return nil, "the signature is wrong"
	}
	s.mu.Lock()
	merchant.wanted = r.Header.Get("Wechatpay-Serial")
	s.mu.Unlock()
	return merchant, ""
}

// sign adds WeChat Pay's signature to headers: with its public key's ID for merchants who use that, else with the
// serial number of its certificate.
func (s *Server) sign(header http.Header, body []byte, wanted string) error {
	own, err := s.identity()
	if err != nil {
		return err
	}
	stamp, once := strconv.FormatInt(s.now().Unix(), 10), randomText(32)
	digest := sha256.Sum256([]byte(stamp + "\n" + once + "\n" + string(body) + "\n"))
	signature, err := rsa.SignPKCS1v15(rand.Reader, own.key, crypto.SHA256, digest[:])
	if err != nil {
		return err
	}
	serial := own.serial
	if wanted == own.keyID {
		serial = wanted
	}
	header.Set("Wechatpay-Timestamp", stamp)
	header.Set("Wechatpay-Nonce", once)
	header.Set("Wechatpay-Signature", base64.StdEncoding.EncodeToString(signature))
	header.Set("Wechatpay-Serial", serial)
	return nil
}

// resource encrypts something for a merchant.
func resource(m *Merchant, kind string, text []byte) (map[string]string, error) {
	c, err := aes.NewCipher([]byte(m.APIv3Key))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(c)
	if err != nil {
		return nil, err
	}
	once := randomText(aead.NonceSize())
	sealed := aead.Seal(nil, []byte(once), text, []byte(kind))
	return map[string]string{"algorithm": "AEAD_AES_256_GCM", "original_type": kind, "associated_data": kind, "nonce": once, "ciphertext": base64.StdEncoding.EncodeToString(sealed)}, nil
}

func (s *Server) certificates(r *payRequest) (int, any) {
	own, err := s.identity()
	if err != nil {
		return failure(http.StatusInternalServerError, "SYSTEM_ERROR", err.Error())
	}
	encrypted, err := resource(r.merchant, "certificate", own.certificate)
	if err != nil {
		return failure(http.StatusInternalServerError, "SYSTEM_ERROR", err.Error())
	}
	now := s.now()
	return http.StatusOK, map[string]any{"data": []any{map[string]any{
		"serial_no": own.serial, "effective_time": rfc3339(now.Add(-time.Hour)), "expire_time": rfc3339(now.AddDate(5, 0, 0)), "encrypt_certificate": encrypted,
	}}}
}

func digits(n int) string {
	b := make([]byte, n)
	rand.Read(b)
	for i := range b {
		b[i] = '0' + b[i]%10
	}
	return string(b)
}

// Pay pays an order as its user would, and tells the merchant. An order that is paid is told once more. The error says
// how the merchant answered, if not well.
func (s *Server) Pay(outTradeNo string) (Order, error) { return s.PayAt(outTradeNo, s.now()) }

// PayAt pays an order as if it was some other time: for its bill, which WeChat Pay makes on the next day.
func (s *Server) PayAt(outTradeNo string, at time.Time) (Order, error) {
	s.mu.Lock()
	var o *Order
	for _, candidate := range s.orders {
		if candidate.OutTradeNo == outTradeNo {
			o = candidate
		}
	}
	if o == nil {
		s.mu.Unlock()
		return Order{}, fmt.Errorf("there is no order %q", outTradeNo)
	}
	switch o.State {
	case "NOTPAY":
		o.pay(at)
	case "USERPAYING":
		o.pay(at)
	case "SUCCESS":
	default:
		defer s.mu.Unlock()
		return *o, fmt.Errorf("the order is %s", o.State)
	}
	if o.Kind == byCode { // nobody is told
		defer s.mu.Unlock()
		return *o, nil
	}
	merchant, content, paid := *s.merchants[o.MerchantID], o.content(), *o
	s.mu.Unlock()
	err := s.notify(&merchant, paid.NotifyURL, "TRANSACTION.SUCCESS", "transaction", content)
	s.mu.Lock()
	defer s.mu.Unlock()
	o.Notified = "ok"
	if err != nil {
		o.Notified = err.Error()
	}
	return *o, err
}

func (o *Order) pay(at time.Time) {
	o.State, o.TransactionID, o.PaidAt = "SUCCESS", "4200"+digits(24), at
	if o.OpenID == "" {
		o.OpenID = "standin-payer"
	}
}

// Orders lists the orders, the newest first.
func (s *Server) Orders() []Order {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := make([]Order, 0, len(s.orders))
	for _, o := range s.orders {
		list = append(list, *o)
	}
	sortOrders(list)
	return list
}

// notify sends a notification.
func (s *Server) notify(m *Merchant, address, event, kind string, content map[string]any) error {
	text, err := json.Marshal(content)
	if err != nil {
		return err
	}
	encrypted, err := resource(m, kind, text)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]any{
		"id": randomText(36), "create_time": rfc3339(s.now()), "resource_type": "encrypt-resource", "event_type": event, "summary": event, "resource": encrypted,
	})
	if err != nil {
		return err
	}
	request, err := http.NewRequest(http.MethodPost, address, bytes.NewReader(body))
	if err != nil {
		return err
	}
	request.Header.Set("Content-Type", "application/json")
	if err := s.sign(request.Header, body, m.wanted); err != nil {
		return err
	}
	response, err := s.client.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, 64<<10))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK && response.StatusCode != http.StatusNoContent {
		var said struct{ Message string }
		if json.Unmarshal(answer, &said) == nil && said.Message != "" {
			return errors.New(said.Message)
		}
		return fmt.Errorf("the merchant answered with HTTP status %d", response.StatusCode)
	}
	return nil
}
