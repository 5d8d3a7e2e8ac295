package wechatserver

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"reflect"
	"regexp"
	"time"
)

// Profit sharing: parts of a paid order go to receivers that the merchant has made known. How large a part may be is
// agreed with WeChat Pay, which the stand-in does not play.

// receiver is somebody who may get parts.
type receiver struct {
	Type     string `json:"type"`
	Account  string `json:"account"`
	Name     string `json:"name"` // encrypted on its way
	Relation string `json:"relation_type"`
	Custom   string `json:"custom_relation"`
}

// part is what a receiver gets of an order.
type part struct {
	Type        string `json:"type"`
	Account     string `json:"account"`
	Name        string `json:"name"`
	Amount      int64  `json:"amount"`
	Description string `json:"description"`
	id          string
	back        int64 // of it, given back
}

// sharingRequest is a request to share an order, or to end that.
type sharingRequest struct {
	AppID         string `json:"appid"`
	SubAppID      string `json:"sub_appid"`
	SubID         string `json:"sub_mchid"`
	TransactionID string `json:"transaction_id"`
	OutOrderNo    string `json:"out_order_no"`
	Receivers     []part `json:"receivers"`
	Unfreeze      *bool  `json:"unfreeze_unsplit"`
	Description   string `json:"description"`
}

// sharing is a sharing that was asked for.
type sharing struct {
	request sharingRequest
	id      string
	order   *Order
	at      time.Time
	parts   []part
}

// givenBack is what a receiver gave back of a part.
type givenBack struct {
	request giveBackRequest
	id      string
	of      *sharing
	at      time.Time
}

type giveBackRequest struct {
	SubID       string `json:"sub_mchid"`
	OrderID     string `json:"order_id"`
	OutOrderNo  string `json:"out_order_no"`
	OutReturnNo string `json:"out_return_no"`
	ReturnID    string `json:"return_mchid"`
	Amount      int64  `json:"amount"`
	Description string `json:"description"`
}

var (
	sharingForm = regexp.MustCompile(`^[A-Za-z0-9_*|@-]{1,64}$`)
	relations   = map[string]bool{
		"SERVICE_PROVIDER": true, "STORE": true, "STAFF": true, "STORE_OWNER": true, "PARTNER": true, "HEADQUARTER": true, "BRAND": true, "DISTRIBUTOR": true,
		"USER": true, "SUPPLIER": true, "CUSTOM": true,
	}
)

func wrong(message string) (int, any) { return failure(http.StatusBadRequest, "PARAM_ERROR", message) }

func receiverKey(merchant, sub, kind, account string) string {
	return merchant + "/" + sub + "/" + kind + "/" + account
}

// secret opens a text that a merchant has encrypted for WeChat Pay.
func (s *Server) secret(r *payRequest, text string) (plain string, ok bool) {
	if text == "" {
		return "", true
	}
	own, err := s.identity()
	if serial := r.Header.Get("Wechatpay-Serial"); err != nil || serial != own.serial && serial != own.keyID {
		return "", false
	}
	sealed, err := base64.StdEncoding.DecodeString(text)
	if err != nil {
		return "", false
	}
	opened, err := rsa.DecryptOAEP(sha1.New(), rand.Reader, own.key, sealed, nil)
	return string(opened), err == nil
}

// checkSharer refuses who is not the merchant, or names apps that are not its own; 0 if it does not.
func (r *payRequest) checkSharer(sub, appID, subAppID string, apps bool) (int, any) {
	if status, answer := r.subMerchant(sub); status != 0 {
		return status, answer
	}
	if apps && appID != r.merchant.AppID || subAppID != "" && subAppID != r.merchant.SubMerchants[sub] {
		return failure(http.StatusBadRequest, "APPID_MCHID_NOT_MATCH", "the app IDs do not belong to the merchants")
	}
	return 0, nil
}

// checkKind refuses a kind of receiver that there is not.
func checkKind(kind, subAppID string) (int, any) {
	switch {
	case kind == "PERSONAL_SUB_OPENID" && subAppID == "":
		return wrong("sub_appid is missing")
	case kind != "MERCHANT_ID" && kind != "PERSONAL_OPENID" && kind != "PERSONAL_SUB_OPENID":
		return wrong("type: none of MERCHANT_ID, PERSONAL_OPENID and PERSONAL_SUB_OPENID")
	}
	return 0, nil
}

func (s *Server) addReceiver(r *payRequest) (int, any) { return s.changeReceiver(r, true) }

func (s *Server) deleteReceiver(r *payRequest) (int, any) { return s.changeReceiver(r, false) }

func (s *Server) changeReceiver(r *payRequest, add bool) (int, any) {
	var given struct {
		receiver
		AppID    string `json:"appid"`
		SubAppID string `json:"sub_appid"`
		SubID    string `json:"sub_mchid"`
	}
	if json.Unmarshal(r.body, &given) != nil || given.Account == "" {
		return wrong("account is missing")
	}
	if status, answer := r.checkSharer(given.SubID, given.AppID, given.SubAppID, true); status != 0 {
		return status, answer
	}
	if status, answer := checkKind(given.Type, given.SubAppID); status != 0 {
		return status, answer
	}
	encrypted := given.Name
	name, ok := s.secret(r, encrypted)
	switch {
	case !ok:
		return wrong("name: it is not encrypted with WeChat Pay's key")
	case add && given.Type == "MERCHANT_ID" && name == "":
		return wrong("name: a merchant's full name is missing")
	case add && !relations[given.Relation]:
		return wrong("relation_type is missing or unknown")
	case add && (given.Relation == "CUSTOM") != (given.Custom != ""):
		return wrong("custom_relation goes with the relation_type CUSTOM")
	}
	known := given.receiver
	known.Name = name
	s.mu.Lock()
	defer s.mu.Unlock()
	key := receiverKey(r.merchant.ID, given.SubID, given.Type, given.Account)
	answer := map[string]any{"type": given.Type, "account": given.Account}
	if given.SubID != "" {
		answer["sub_mchid"] = given.SubID
	}
	if !add {
		delete(s.receivers, key)
		return http.StatusOK, answer
	}
	s.receivers[key] = known
	answer["relation_type"] = given.Relation
	if encrypted != "" {
		answer["name"] = encrypted
	}
	return http.StatusOK, answer
}

func (s *Server) share(r *payRequest) (int, any) {
	var given sharingRequest
	switch {
	case json.Unmarshal(r.body, &given) != nil || given.Unfreeze == nil:
		return wrong("unfreeze_unsplit is missing")
	case !sharingForm.MatchString(given.OutOrderNo):
		return wrong("out_order_no: 1 to 64 letters, digits and _-|*@")
	case len(given.Receivers) == 0 || len(given.Receivers) > 50:
		return wrong("receivers: 1 to 50")
	}
	if status, answer := r.checkSharer(given.SubID, given.AppID, given.SubAppID, true); status != 0 {
		return status, answer
	}
	var total int64
	for i := range given.Receivers {
		p := &given.Receivers[i]
		if status, answer := checkKind(p.Type, given.SubAppID); status != 0 {
			return status, answer
		}
		name, ok := s.secret(r, p.Name)
		if !ok {
			return wrong("receivers: a name is not encrypted with WeChat Pay's key")
		}
		if p.Amount < 1 || p.Description == "" {
			return wrong("receivers: amount or description is missing")
		}
		p.Name = name
		total += p.Amount
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, old, status, answer := s.shareable(r, &given)
	if status != 0 || old != nil {
		return status, answer
	}
	for _, p := range given.Receivers {
		known, ok := s.receivers[receiverKey(r.merchant.ID, given.SubID, p.Type, p.Account)]
		if !ok || p.Name != "" && known.Name != "" && p.Name != known.Name {
			return failure(http.StatusBadRequest, "INVALID_REQUEST", "receivers: one is not known, or has another name")
		}
	}
	if total > o.Total-o.refunded-o.shared {
		return failure(http.StatusForbidden, "NOT_ENOUGH", "the parts are more than what is left of the order")
	}
	o.shared += total
	o.unfrozen = *given.Unfreeze
	return http.StatusOK, s.begin(r, given, o).content(false)
}

// shareable finds the order of a request, and what was asked for under its number before, whose state is the answer then.
// s.mu is held.
func (s *Server) shareable(r *payRequest, given *sharingRequest) (o *Order, old *sharing, status int, answer any) {
	if old = s.sharings[orderKey(r.merchant.ID, given.OutOrderNo)]; old != nil {
		if !reflect.DeepEqual(old.request, *given) {
			status, answer = failure(http.StatusBadRequest, "INVALID_REQUEST", "out_order_no names another request")
			return nil, old, status, answer
		}
		return nil, old, http.StatusOK, old.content(true)
	}
	o = s.find(r.merchant.ID, given.SubID, "", given.TransactionID)
	switch {
	case o == nil:
		status, answer = failure(http.StatusBadRequest, "PARAM_ERROR", "transaction_id: the merchant has no such payment")
	case !o.sharing:
		status, answer = failure(http.StatusBadRequest, "INVALID_REQUEST", "the order was not made for profit sharing")
	case o.unfrozen:
		status, answer = failure(http.StatusBadRequest, "INVALID_REQUEST", "the sharing of the order has ended")
	}
	return o, nil, status, answer
}

func (s *Server) begin(r *payRequest, given sharingRequest, o *Order) *sharing {
	sh := &sharing{request: given, id: "3008" + digits(24), order: o, at: s.now(), parts: append([]part(nil), given.Receivers...)}
	for i := range sh.parts {
		sh.parts[i].id = "3601" + digits(24)
	}
	s.sharings[orderKey(r.merchant.ID, given.OutOrderNo)] = sh
	return sh
}

// content tells of a sharing, which is being done when it was just asked for.
func (sh *sharing) content(done bool) map[string]any {
	state, result := "PROCESSING", "PENDING"
	if done {
		state, result = "FINISHED", "SUCCESS"
	}
	receivers := []any{}
	for _, p := range sh.parts {
		receivers = append(receivers, map[string]any{
			"type": p.Type, "account": p.Account, "amount": p.Amount, "description": p.Description, "result": result, "detail_id": p.id,
			"create_time": rfc3339(sh.at), "finish_time": rfc3339(sh.at),
		})
	}
	m := map[string]any{"transaction_id": sh.order.TransactionID, "out_order_no": sh.request.OutOrderNo, "order_id": sh.id, "state": state, "receivers": receivers}
	if sh.request.SubID != "" {
		m["sub_mchid"] = sh.request.SubID
	}
	return m
}

func (s *Server) unfreeze(r *payRequest) (int, any) {
	var given sharingRequest
	if json.Unmarshal(r.body, &given) != nil || !sharingForm.MatchString(given.OutOrderNo) || given.Description == "" {
		return wrong("out_order_no or description is missing")
	}
	if status, answer := r.checkSharer(given.SubID, "", "", false); status != 0 {
		return status, answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	o, old, status, answer := s.shareable(r, &given)
	if status != 0 || old != nil {
		return status, answer
	}
	o.unfrozen = true
	return http.StatusOK, s.begin(r, given, o).content(false)
}

func (s *Server) querySharing(r *payRequest) (int, any) {
	query := r.URL.Query()
	if status, answer := r.subMerchant(query.Get("sub_mchid")); status != 0 {
		return status, answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sh := s.sharings[orderKey(r.merchant.ID, r.PathValue("number"))]
	if sh == nil || sh.request.SubID != query.Get("sub_mchid") || sh.order.TransactionID != query.Get("transaction_id") {
		return failure(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "there is no such sharing")
	}
	return http.StatusOK, sh.content(true)
}

func (s *Server) giveBack(r *payRequest) (int, any) {
	var given giveBackRequest
	if json.Unmarshal(r.body, &given) != nil || !sharingForm.MatchString(given.OutReturnNo) || given.Description == "" || given.Amount < 1 {
		return wrong("out_return_no, amount or description is missing")
	}
	if status, answer := r.subMerchant(given.SubID); status != 0 {
		return status, answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	key := orderKey(r.merchant.ID, given.OutReturnNo)
	if old := s.givenBack[key]; old != nil {
		if old.request != given {
			return failure(http.StatusBadRequest, "INVALID_REQUEST", "out_return_no names another request")
		}
		return http.StatusOK, old.content()
	}
	for _, sh := range s.sharings {
		if sh.order.MerchantID != r.merchant.ID || sh.request.SubID != given.SubID || sh.id != given.OrderID && (given.OrderID != "" || sh.request.OutOrderNo != given.OutOrderNo) {
			continue
		}
		for i := range sh.parts {
			p := &sh.parts[i]
			if p.Type != "MERCHANT_ID" || p.Account != given.ReturnID || given.Amount > p.Amount-p.back {
				continue
			}
			p.back += given.Amount
			sh.order.shared -= given.Amount
			g := &givenBack{request: given, id: "3008" + digits(24), of: sh, at: s.now()}
			s.givenBack[key] = g
			return http.StatusOK, g.content()
		}
		return failure(http.StatusBadRequest, "INVALID_REQUEST", "the merchant did not get as much by this sharing")
	}
	return failure(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "there is no such sharing")
}

func (g *givenBack) content() map[string]any {
	m := map[string]any{
		"order_id": g.of.id, "out_order_no": g.of.request.OutOrderNo, "out_return_no": g.request.OutReturnNo, "return_id": g.id, "return_mchid": g.request.ReturnID,
		"amount": g.request.Amount, "description": g.request.Description, "result": "SUCCESS", "create_time": rfc3339(g.at), "finish_time": rfc3339(g.at),
	}
	if g.request.SubID != "" {
		m["sub_mchid"] = g.request.SubID
	}
	return m
}

func (s *Server) queryGivenBack(r *payRequest) (int, any) {
	query := r.URL.Query()
	if status, answer := r.subMerchant(query.Get("sub_mchid")); status != 0 {
		return status, answer
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	g := s.givenBack[orderKey(r.merchant.ID, r.PathValue("number"))]
	if g == nil || g.request.SubID != query.Get("sub_mchid") || g.of.request.OutOrderNo != query.Get("out_order_no") {
		return failure(http.StatusNotFound, "RESOURCE_NOT_EXISTS", "nothing was given back under this number")
	}
	return http.StatusOK, g.content()
}

func (s *Server) leftToShare(r *payRequest) (int, any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, o := range s.orders {
		if o.MerchantID != r.merchant.ID || o.TransactionID == "" || o.TransactionID != r.PathValue("id") {
			continue
		}
		if !o.sharing {
			return failure(http.StatusBadRequest, "INVALID_REQUEST", "the order was not made for profit sharing")
		}
		left := o.Total - o.refunded - o.shared
		if o.unfrozen {
			left = 0
		}
		return http.StatusOK, map[string]any{"transaction_id": o.TransactionID, "unsplit_amount": left}
	}
	return failure(http.StatusBadRequest, "INVALID_REQUEST", "the merchant has no such payment")
}
