package wechatserver

import (
	"net/http"
	"strings"
	"time"
)

// answerTime is how long after a user's message an app may write to them.
const answerTime = 48 * time.Hour

func (s *Server) subscribeSend(w http.ResponseWriter, r *request) {
	user, ok := r.user(w, "touser")
	if !ok {
		return
	}
	if r.text("template_id") == "" {
		refuse(w, 40037, "invalid template_id")
		return
	}
	if !templateData(w, r.body["data"]) {
		return
	}
	switch state := r.text("miniprogram_state"); state {
	case "", "developer", "trial", "formal":
	default:
		refuse(w, 40199, "invalid miniprogram_state")
		return
	}
	s.note(r, "subscribe", user)
	reply(w, map[string]any{"errcode": 0, "errmsg": "ok", "msgid": s.now().UnixNano()})
}

// templateData checks that every keyword of a message has a value.
func templateData(w http.ResponseWriter, data any) bool {
	members, ok := data.(map[string]any)
	if !ok || len(members) == 0 {
		refuse(w, 47003, "argument invalid! data is empty")
		return false
	}
	for name, member := range members {
		m, _ := member.(map[string]any)
		if value, has := m["value"]; !has || value == "" || value == nil {
			refuse(w, 47003, "argument invalid! data."+name+".value is empty")
			return false
		}
	}
	return true
}

// templateSend is retired, as at WeChat.
func (s *Server) templateSend(w http.ResponseWriter, _ *request) {
	refuse(w, 41028, "invalid form id: template messages are retired, send a subscribe message")
}

func (s *Server) uniformSend(w http.ResponseWriter, r *request) {
	user, ok := r.user(w, "touser")
	if !ok {
		return
	}
	if r.body["mp_template_msg"] == nil && r.body["weapp_template_msg"] == nil {
		refuse(w, 47001, "data format error: mp_template_msg is missing")
		return
	}
	s.note(r, "uniform", user)
	reply(w, map[string]any{"errcode": 0, "errmsg": "ok"})
}

// what of a customer-service message holds its content.
var contents = map[string]string{"text": "content", "image": "media_id", "link": "title", "miniprogrampage": "title"}

func (s *Server) customSend(w http.ResponseWriter, r *request) {
	user, ok := r.user(w, "touser")
	if !ok {
		return
	}
	kind := r.text("msgtype")
	member, known := contents[kind]
	if !known {
		refuse(w, 40008, "invalid message type")
		return
	}
	content, _ := r.body[kind].(map[string]any)
	if text, _ := content[member].(string); text == "" {
		refuse(w, 44004, "empty content: "+kind+"."+member)
		return
	}
	if kind == "image" {
		s.mu.Lock()
		_, found := s.media[r.app.AppID+"/"+content["media_id"].(string)]
		s.mu.Unlock()
		if !found {
			refuse(w, 40007, "invalid media_id")
			return
		}
	}
	if !s.mayAnswer(r, user) {
		refuse(w, 45015, "response out of time limit or subscription is canceled: the user has not written to the app within 48 hours")
		return
	}
	s.note(r, "custom", user)
	reply(w, map[string]any{"errcode": 0, "errmsg": "ok"})
}

func (s *Server) mayAnswer(r *request, user string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	at, ok := s.wrote[r.app.AppID+"/"+user]
	return ok && s.now().Sub(at) < answerTime
}

func (s *Server) customTyping(w http.ResponseWriter, r *request) {
	user, valid := r.user(w, "touser")
	if !valid {
		return
	}
	if c := r.text("command"); c != "Typing" && c != "CancelTyping" {
		refuse(w, 40097, "invalid args: command")
		return
	}
	if !s.mayAnswer(r, user) {
		refuse(w, 45080, "can not typing: the user has not written to the app within 48 hours")
		return
	}
	ok(w)
}

// templates are two that every app has here.
func (s *Server) templates(w http.ResponseWriter, _ *request) {
	reply(w, map[string]any{"errcode": 0, "errmsg": "ok", "data": []any{
		map[string]any{"priTmplId": "standin-order", "title": "Order", "content": "Item:{{thing1.DATA}}\nTime:{{time2.DATA}}\n", "example": "Item:Tea\nTime:2026-01-01\n", "type": 2},
		map[string]any{"priTmplId": "standin-task", "title": "Task", "content": "Task:{{thing1.DATA}}\n", "example": "Task:Tea\n", "type": 3},
	}})
}

func (s *Server) submitPages(w http.ResponseWriter, r *request) {
	pages, _ := r.body["pages"].([]any)
	if len(pages) == 0 {
		refuse(w, 40210, "pages is empty")
		return
	}
	for _, p := range pages {
		page, _ := p.(map[string]any)
		if path, _ := page["path"].(string); path == "" || strings.HasPrefix(path, "/") {
			refuse(w, 40211, "invalid page path")
			return
		}
	}
	ok(w)
}

func (s *Server) urlLink(w http.ResponseWriter, r *request) {
	if p := r.text("path"); strings.HasPrefix(p, "/") || strings.Contains(p, "?") {
		refuse(w, 40165, "invalid weapp pagepath")
		return
	}
	reply(w, map[string]any{"errcode": 0, "errmsg": "ok", "url_link": "https://wxaurl.cn/" + randomText(11)})
}

func (s *Server) urlScheme(w http.ResponseWriter, _ *request) {
	reply(w, map[string]any{"errcode": 0, "errmsg": "ok", "openlink": "weixin://dl/business/?t=" + randomText(11)})
}

func (s *Server) phoneNumber(w http.ResponseWriter, r *request) {
	// The code of a button's event exists in WeChat alone: here it names the number, as dev:13800000000.
	number, is := strings.CutPrefix(r.text("code"), "dev:")
	if !is || number == "" {
		refuse(w, 40029, "invalid code")
		return
	}
	reply(w, map[string]any{"errcode": 0, "errmsg": "ok", "phone_info": map[string]any{
		"phoneNumber": number, "purePhoneNumber": number, "countryCode": "86", "watermark": map[string]any{"timestamp": s.now().Unix(), "appid": r.app.AppID},
	}})
}

func (s *Server) openData(w http.ResponseWriter, r *request) {
	openID := r.URL.Query().Get("openid")
	list, isList := r.body["cloudid_list"].([]any)
	if !isList {
		refuse(w, 40097, "invalid args: cloudid_list")
		return
	}
	data := []any{}
	for _, element := range list {
		id, _ := element.(string)
		s.mu.Lock()
		made, found := s.cloudIDs[id]
		s.mu.Unlock()
		value := map[string]any{"cloudID": id}
		switch {
		case !found || made.app != r.app.AppID:
			value["errCode"], value["errMsg"] = -601005, "invalid cloudID"
		case made.openID != openID:
			value["errCode"], value["errMsg"] = -601007, "cloudID and calling user does not match"
		default:
			value["data"] = made.data
		}
		data = append(data, map[string]any{"cloud_id": id, "json": jsonText(value)})
	}
	reply(w, map[string]any{"errcode": 0, "errmsg": "ok", "data_list": data})
}
