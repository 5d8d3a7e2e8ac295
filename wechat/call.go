package wechat

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"maps"
	"mime"
	"mime/multipart"
	"net/http"
	"net/textproto"
	"net/url"
	"regexp"
	"strings"

	"yunduo"
)

// Request is a call of a server API of WeChat's.
type Request struct {
	// API is its name after cloud.openapi, as "security.msgSecCheck", or its address with dots, as
	// "wxa.business.getuserphonenumber".
	API    string
	Method string                     // for an address: POST unless it says GET
	Data   map[string]json.RawMessage // parameters in WeChat's spelling
	File   *File                      // nil for none
}

// File is a parameter that is a file.
type File struct {
	Field       string
	Name        string
	ContentType string
	Content     []byte
}

// Response is what WeChat answered: JSON, errcode included, or a file.
type Response struct {
	ContentType string
	Body        []byte
	JSON        bool
}

// Call calls a server API with the app's access token. A token that WeChat refuses is renewed, once. An errcode of the
// API is part of the response and no error. Code of the app and who manages it may. Errors: permission_denied,
// unsupported_call, invalid_request, wechat_not_configured, wechat_unavailable, rate_limited.
func (s *Service) Call(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, r Request) (Response, error) {
	if err := ours(caller, app); err != nil {
		return Response{}, err
	}
	where, err := routeOf(r.API, r.Method)
	if err != nil {
		return Response{}, err
	}
	a, err := s.account(ctx, app)
	if err != nil {
		return Response{}, err
	}
	return s.call(ctx, app, a, where, r)
}

func (s *Service) call(ctx context.Context, app yunduo.AppID, a Account, where route, r Request) (Response, error) {
	if err := a.usable(app); err != nil {
		return Response{}, err
	}
	refused := ""
	for {
		token, err := s.token(ctx, a, refused)
		if err != nil {
			return Response{}, err
		}
		request, err := where.request(ctx, a, token, r)
		if err != nil {
			return Response{}, err
		}
		response, err := s.do(request)
		if err != nil {
			return Response{}, err
		}
		if refused == "" && response.JSON && expired(response.errcode()) {
			refused = token
			continue
		}
		response.Body = exactNumbers(response)
		return response, nil
	}
}

// ours refuses who is neither code of the app nor its owner.
func ours(caller yunduo.Caller, app yunduo.AppID) error {
	if caller.Privileged() && (caller.App == app || caller.MayManage(app)) {
		return nil
	}
	return yunduo.Errorf(yunduo.ReasonPermissionDenied, "only functions of the app %q and who manages it may speak to WeChat for it", string(app))
}

// request makes the HTTP request of a call.
func (where route) request(ctx context.Context, a Account, token string, r Request) (*http.Request, error) {
	query := url.Values{"access_token": {token}}
	maps.Copy(query, where.extra)
	inQuery := where.query || where.method == http.MethodGet
	if inQuery {
		for name, value := range r.Data {
			if name == "access_token" {
				continue
			}
			query.Set(name, plain(value))
		}
	}
	var body io.Reader
	contentType := ""
	switch {
	case r.File != nil && where.method == http.MethodGet:
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "%s takes no file", clip(r.API))
	case r.File != nil:
		form, kind, err := r.form(inQuery)
		if err != nil {
			return nil, err
		}
		body, contentType = form, kind
	case !inQuery:
		text, err := json.Marshal(r.Data)
		if err != nil {
			return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "the parameters of %s are no JSON", clip(r.API))
		}
		if r.Data == nil {
			text = []byte("{}")
		}
		body, contentType = bytes.NewReader(text), "application/json"
	}
	request, err := http.NewRequestWithContext(ctx, where.method, a.Endpoint+where.path+"?"+query.Encode(), body)
	if err != nil {
		return nil, unavailable(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	return request, nil
}

var quotes = strings.NewReplacer("\\", "\\\\", `"`, "\\\"", "\r", "", "\n", "")

// form is the file with the other parameters as a form.
func (r Request) form(inQuery bool) (io.Reader, string, error) {
	var buffer bytes.Buffer
	w := multipart.NewWriter(&buffer)
	if !inQuery {
		for name, value := range r.Data {
			if err := w.WriteField(name, plain(value)); err != nil {
				return nil, "", err
			}
		}
	}
	name := r.File.Name
	if name == "" {
		name = r.File.Field
	}
	if name == "" {
		return nil, "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "file.field: the name of the parameter that is a file is missing")
	}
	kind := r.File.ContentType
	if _, _, err := mime.ParseMediaType(kind); err != nil {
		kind = "application/octet-stream"
	}
	header := textproto.MIMEHeader{
		"Content-Disposition": {`form-data; name="` + quotes.Replace(r.File.Field) + `"; filename="` + quotes.Replace(name) + `"`},
		"Content-Type":        {kind},
	}
	part, err := w.CreatePart(header)
	if err == nil {
		_, err = part.Write(r.File.Content)
	}
	return &buffer, w.FormDataContentType(), errors.Join(err, w.Close())
}

// plain is a parameter outside JSON: strings without their quotes.
func plain(value json.RawMessage) string {
	var text string
	if json.Unmarshal(value, &text) == nil {
		return text
	}
	return string(value)
}

// do sends a request and reads the answer; wechat_unavailable if there is none that can be used.
func (s *Service) do(request *http.Request) (Response, error) {
	response, err := s.client.Do(request)
	if err != nil {
		if ctxErr := request.Context().Err(); ctxErr != nil {
			return Response{}, ctxErr
		}
		return Response{}, unavailable(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxResponse+1))
	if err != nil {
		return Response{}, unavailable(err)
	}
	if len(body) > maxResponse {
		return Response{}, yunduo.Errorf(yunduo.ReasonWechatUnavailable, "the answer of WeChat is larger than %d MiB", maxResponse>>20)
	}
	if response.StatusCode >= 300 {
		return Response{}, yunduo.Wrap(yunduo.Errorf(yunduo.ReasonInternal, "HTTP status %d", response.StatusCode), yunduo.ReasonWechatUnavailable, "WeChat answered with HTTP status %d", response.StatusCode)
	}
	kind := response.Header.Get("Content-Type")
	return Response{ContentType: kind, Body: body, JSON: isJSON(kind, body)}, nil
}

// isJSON tells JSON from files. WeChat sends some of its JSON as text/plain, and some errors as an image type.
func isJSON(kind string, body []byte) bool {
	media, _, err := mime.ParseMediaType(kind)
	if err == nil && strings.HasSuffix(media, "json") {
		return json.Valid(body)
	}
	return bytes.HasPrefix(body, []byte("{")) && json.Valid(body)
}

func (r Response) errcode() int64 {
	var code struct {
		ErrCode int64 `json:"errcode"`
	}
	if json.Unmarshal(r.Body, &code) != nil {
		return 0
	}
	return code.ErrCode
}

var longNumber = regexp.MustCompile(`[:\[,]\s*-?\d{16,}`)

// exactNumbers makes strings of whole numbers that JavaScript would round, such as message IDs.
func exactNumbers(r Response) []byte {
	if !r.JSON || !longNumber.Match(r.Body) {
		return r.Body
	}
	decoder := json.NewDecoder(bytes.NewReader(r.Body))
	decoder.UseNumber()
	var value any
	if decoder.Decode(&value) != nil {
		return r.Body
	}
	text, err := json.Marshal(exact(value))
	if err != nil {
		return r.Body
	}
	return text
}

func exact(value any) any {
	const safe = 1 << 53
	switch v := value.(type) {
	case map[string]any:
		for key, member := range v {
			v[key] = exact(member)
		}
	case []any:
		for i, element := range v {
			v[i] = exact(element)
		}
	case json.Number:
		if n, err := v.Int64(); (err != nil || n > safe || n < -safe) && !strings.ContainsAny(v.String(), ".eE") {
			return v.String()
		}
	}
	return value
}
