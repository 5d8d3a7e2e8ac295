package wechatserver

import (
	"bytes"
	"encoding/json"
	"hash/fnv"
	"image"
	"image/color"
	_ "image/gif" // pictures that are checked
	"image/jpeg"
	_ "image/png"
	"io"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"
)

// RiskyTexts are WeChat's own samples of a text that its content check refuses.
var RiskyTexts = []string{"特3456书yuuo莞6543李zxcz蒜7782法fgnv级", "完2347全dfji试3726测asad感3847知qwez到"}

// RiskyPicture marks a picture, or the address of one, that the stand-in's content check refuses.
const RiskyPicture = "yunduo-risky"

func risky(text string) bool {
	for _, sample := range RiskyTexts {
		if strings.Contains(text, sample) {
			return true
		}
	}
	return false
}

func (s *Server) msgSecCheck(w http.ResponseWriter, r *request) {
	content := r.text("content")
	if content == "" {
		refuse(w, 44002, "empty post data: content")
		return
	}
	if utf8.RuneCountInString(content) > 2500 {
		refuse(w, 45002, "content size out of limit")
		return
	}
	bad := risky(content)
	if r.body["version"] == nil { // the first version answers by its errcode
		if bad {
			refuse(w, 87014, "risky content")
			return
		}
		ok(w)
		return
	}
	if !s.second(w, r) {
		return
	}
	suggest, label := "pass", 100
	if bad {
		suggest, label = "risky", 20001
	}
	reply(w, map[string]any{
		"errcode": 0, "errmsg": "ok", "trace_id": randomText(16), "result": map[string]any{"suggest": suggest, "label": label},
		"detail": []any{map[string]any{"strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label, "prob": 90}},
	})
}

// second checks what the second version of the content checks wants besides.
func (s *Server) second(w http.ResponseWriter, r *request) bool {
	if v, _ := r.body["version"].(float64); v != 2 {
		refuse(w, 40097, "invalid args: version")
		return false
	}
	if scene, _ := r.body["scene"].(float64); scene < 1 || scene > 4 {
		refuse(w, 40097, "invalid args: scene")
		return false
	}
	_, valid := r.user(w, "openid")
	return valid
}

// formFile reads the file of a form; it answers if there is none.
func formFile(w http.ResponseWriter, r *request) (content []byte, contentType string, found bool) {
	file, header, err := r.FormFile("media")
	if err != nil {
		refuse(w, 41005, "media data missing")
		return nil, "", false
	}
	defer file.Close()
	content, err = io.ReadAll(io.LimitReader(file, maxBody))
	if err != nil || len(content) == 0 {
		refuse(w, 44001, "empty media data")
		return nil, "", false
	}
	return content, header.Header.Get("Content-Type"), true
}

func (s *Server) imgSecCheck(w http.ResponseWriter, r *request) {
	content, _, found := formFile(w, r)
	if !found {
		return
	}
	if len(content) > 1<<20 {
		refuse(w, 40006, "invalid meida size")
		return
	}
	picture, _, err := image.DecodeConfig(bytes.NewReader(content))
	if err != nil {
		refuse(w, 40137, "invalid image format")
		return
	}
	if max(picture.Width, picture.Height) > 1334 || min(picture.Width, picture.Height) > 750 {
		refuse(w, 40006, "invalid image size: at most 750 x 1334 pixels")
		return
	}
	if bytes.Contains(content, []byte(RiskyPicture)) {
		refuse(w, 87014, "risky content")
		return
	}
	ok(w)
}

func (s *Server) mediaCheckAsync(w http.ResponseWriter, r *request) {
	address, err := url.Parse(r.text("media_url"))
	if err != nil || address.Host == "" {
		refuse(w, 40097, "invalid args: media_url")
		return
	}
	if kind, _ := r.body["media_type"].(float64); kind != 1 && kind != 2 {
		refuse(w, 40097, "invalid args: media_type")
		return
	}
	if r.body["version"] != nil && !s.second(w, r) {
		return
	}
	trace := randomText(16)
	suggest, label := "pass", 100
	if strings.Contains(address.String(), RiskyPicture) {
		suggest, label = "risky", 20002
	}
	app := *r.app
	event := map[string]any{
		"ToUserName": "gh_standin", "FromUserName": r.text("openid"), "CreateTime": s.now().Unix(), "MsgType": "event", "Event": "wxa_media_check",
		"appid": app.AppID, "trace_id": trace, "version": 2, "errcode": 0, "errmsg": "ok",
		"result": map[string]any{"suggest": suggest, "label": label}, "detail": []any{map[string]any{"strategy": "content_model", "errcode": 0, "suggest": suggest, "label": label, "prob": 90}},
	}
	if app.PushURL != "" {
		s.wg.Go(func() { _, _ = s.push(app, event) }) // WeChat does not tell either whether somebody got it
	}
	reply(w, map[string]any{"errcode": 0, "errmsg": "ok", "trace_id": trace})
}

func (s *Server) mediaUpload(w http.ResponseWriter, r *request) {
	if r.URL.Query().Get("type") != "image" {
		refuse(w, 40004, "invalid media type")
		return
	}
	content, kind, found := formFile(w, r)
	if !found {
		return
	}
	if len(content) > 2<<20 {
		refuse(w, 40006, "invalid media size")
		return
	}
	if _, _, err := image.DecodeConfig(bytes.NewReader(content)); err != nil {
		refuse(w, 40113, "unsupported file type")
		return
	}
	id := randomText(64)
	s.mu.Lock()
	s.media[r.app.AppID+"/"+id] = upload{kind, content}
	s.mu.Unlock()
	reply(w, map[string]any{"type": "image", "media_id": id, "created_at": s.now().Unix()})
}

func (s *Server) mediaGet(w http.ResponseWriter, r *request) {
	s.mu.Lock()
	m, found := s.media[r.app.AppID+"/"+r.URL.Query().Get("media_id")]
	s.mu.Unlock()
	if !found {
		refuse(w, 40007, "invalid media_id")
		return
	}
	w.Header().Set("Content-Type", m.contentType)
	_, _ = w.Write(m.content)
}

func (s *Server) wxacode(w http.ResponseWriter, r *request) {
	if p := r.text("path"); p == "" || len(p) > 1024 {
		refuse(w, 40159, "invalid length for path, or the data is not json string")
		return
	}
	s.code(w, r)
}

func (s *Server) wxacodeUnlimited(w http.ResponseWriter, r *request) {
	if scene := r.text("scene"); scene == "" || len(scene) > 32 {
		refuse(w, 40169, "invalid length for scene, or the data is not json string")
		return
	}
	if strings.HasPrefix(r.text("page"), "/") {
		refuse(w, 41030, "invalid page")
		return
	}
	s.code(w, r)
}

// code answers with a picture that looks different for different parameters; nobody can scan it.
func (s *Server) code(w http.ResponseWriter, r *request) {
	width := 430
	if given, is := r.body["width"].(float64); is {
		if width = int(given); width < 280 || width > 1280 {
			refuse(w, 40097, "invalid args: width")
			return
		}
	}
	h := fnv.New64a()
	h.Write(r.raw)
	bits := h.Sum64()
	picture := image.NewGray(image.Rect(0, 0, width, width))
	for y := range width {
		for x := range width {
			if bits>>((y*8/width)*8+x*8/width)&1 == 0 {
				picture.SetGray(x, y, color.Gray{Y: 255})
			}
		}
	}
	w.Header().Set("Content-Type", "image/jpeg")
	_ = jpeg.Encode(w, picture, nil)
}

func jsonText(value any) string {
	text, _ := json.Marshal(value) // maps of plain values
	return string(text)
}

// rfc3339 writes a time as WeChat Pay does.
func rfc3339(at time.Time) string {
	return at.In(time.FixedZone("CST", 8*60*60)).Format(time.RFC3339)
}
