// Package cloudbase speaks the wire protocol of the official CloudBase SDKs and translates it to operations. Here so
// far: the admin endpoint that the server SDKs (wx-server-sdk, @cloudbase/node-sdk) call with keys.
package cloudbase

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/api"
	"yunduo/gateway/exchange"
	"yunduo/gateway/live"
)

// Options are what the surface translates to.
type Options struct {
	API       *api.API
	Rooms     api.Rooms
	PublicURL string
	// DefaultApp stands for unknown environment IDs sent with its credentials; empty refuses them.
	DefaultApp yunduo.AppID
	// COSSignatures accepts signatures with SHA-1, which the vendor's manager SDK makes for files and tcb-admin-node unless
	// told otherwise.
	COSSignatures bool
	Sockets       *live.Sockets
	Logger        *slog.Logger
	Now           func() time.Time
}

type surface struct {
	Options
	marks *marks
	keys  signingKeys
}

// Mount adds the routes of the surface.
func Mount(e *echo.Echo, o Options) {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &surface{Options: o, marks: newMarks(o.Now)}
	e.POST("/admin", s.admin)
	e.POST("/web", s.web)
	e.POST("/", s.control)
	s.mountCOS(e)
	s.mountClient(e)
	s.mountGateway(e)
	s.mountBytes(e)
	e.GET("/ws", s.webSocket)
}

// reply is the body of an answer: the SDKs want status 200 for errors of the application too.
type reply struct {
	RequestID     string         `json:"requestId"`
	Data          any            `json:"data,omitempty"`
	TransactionID string         `json:"transactionId,omitempty"`
	Code          string         `json:"code,omitempty"`
	Message       string         `json:"message,omitempty"`
	Top           map[string]any `json:"-"` // further members
}

// params are the top-level members of a request body.
type params map[string]json.RawMessage

// text returns a string member, empty if it is absent or no string.
func (p params) text(name string) string { return unquote(p[name]) }

// lower returns the members by lower-case name, as signatures name them. A name in two spellings is refused: one could
// be verified and the other obeyed.
func (p params) lower() (params, error) {
	lower := make(params, len(p))
	for name, value := range p {
		key := strings.ToLower(name)
		if _, ok := lower[key]; ok {
			return nil, invalidSignature("the member %q of the body has two spellings", key)
		}
		lower[key] = value
	}
	return lower, nil
}

// into decodes the body of a request into a struct.
func (r *request) into(v any) error {
	if err := json.Unmarshal(r.body, v); err != nil {
		return yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "a field of the request has a wrong type: %s", err.Error())
	}
	return nil
}

type action func(ctx context.Context, r *request) (*reply, error)

var actions = map[string]action{
	"database.addCollection":      addCollection,
	"database.insertDocument":     insertDocument,
	"database.getDocument":        getDocument,
	"database.calculateDocument":  calculateDocument,
	"database.modifyDocument":     modifyDocument,
	"database.modifyAndReturnDoc": modifyAndReturnDocument,
	"database.removeDocument":     removeDocument,
	"database.aggregateDocuments": aggregateDocuments,
	"database.startTransaction":   startTransaction,
	"database.commitTransaction":  commitTransaction,
	"database.abortTransaction":   abortTransaction,

	"database.addDocument":            addPlain,
	"database.queryDocument":          queryPlain,
	"database.countDocument":          countPlain,
	"database.updateDocument":         updatePlain,
	"database.deleteDocument":         removePlain,
	"database.aggregate":              aggregatePlain,
	"database.getInTransaction":       getInTransaction,
	"database.updateDocInTransaction": updateInTransaction,
	"database.deleteDocInTransaction": deleteInTransaction,
	"database.insertDocInTransaction": insertInTransaction,

	"functions.invokeFunction":    invokeFunction,
	"storage.getUploadMetadata":   uploadMetadata,
	"storage.batchGetDownloadUrl": downloadURLs,
	"storage.batchDeleteFile":     deleteFiles,
	"storage.batchCopyFile":       copyFiles,
	"auth.wsWebSign":              watchTicket,
	"auth.getUserInfoForAdmin":    userInfoForAdmin,
	"wx.api":                      callPlainAPI,
	"analytics.report":            func(context.Context, *request) (*reply, error) { return &reply{}, nil },
}

func (s *surface) admin(c echo.Context) error {
	if strings.HasPrefix(c.Request().Header.Get(echo.HeaderContentType), "multipart/") {
		return s.form(c)
	}
	answer, err := s.answer(c)
	if err != nil {
		exchange.Note(c, err)
		e := yunduo.AsError(err)
		answer = &reply{Code: e.Reason.CloudBase(), Message: e.Message}
	}
	answer.RequestID = exchange.RequestID(c)
	return answer.write(c)
}

// write sends a reply, whose status is 200 also when it tells of an error.
func (r *reply) write(c echo.Context) error {
	text, err := r.text()
	if err != nil {
		return err
	}
	return exchange.Raw(c, http.StatusOK, text)
}

func (s *surface) answer(c echo.Context) (*reply, error) {
	body, err := exchange.Body(c, exchange.MaxJSONBody)
	if err != nil {
		return nil, err
	}
	p, err := membersOf(body)
	if err != nil {
		return nil, err
	}
	r, err := s.authenticate(c, p, func(a *tc3Authorization, secret string) error {
		lower, err := p.lower()
		if err != nil {
			return err
		}
		return a.verify(c.Request(), secret, lower, s.Now())
	})
	if err != nil {
		return nil, err
	}
	if r.call.App, err = s.environment(r.call.Caller, p.text("envName")); err != nil {
		return nil, err
	}
	run, ok := actions[p.text("action")]
	if !ok {
		return nil, yunduo.Errorf(yunduo.ReasonUnknownOperation, "the action %q is not supported here", p.text("action"))
	}
	r.params, r.body = p, body
	return run(c.Request().Context(), r)
}

// authenticate finds out which app the keys of a request belong to, and who acts with them.
func (s *surface) authenticate(c echo.Context, p params, verify func(a *tc3Authorization, secret string) error) (*request, error) {
	ctx, header := c.Request().Context(), c.Request().Header.Get(echo.HeaderAuthorization)
	if text := p.text("authorization"); header == "" && text != "" {
		return s.authenticateCOS(c, p, text)
	}
	if header == "" {
		return nil, yunduo.Errorf(yunduo.ReasonTokenMissing, "the request is not signed: give secretId and secretKey to init")
	}
	if key := exchange.Bearer(c.Request()); key != "" {
		caller, err := s.Rooms.Auth.VerifyAPIKey(ctx, key)
		if err != nil {
			return nil, err
		}
		caller.ClientIP = c.RealIP()
		return s.requestOf(c, caller, caller.App), nil
	}
	authorization, err := parseTC3(header)
	if err != nil {
		return nil, err
	}
	signer, err := s.signer(ctx, authorization.secretID, p.text("sessionToken"))
	if err != nil {
		return nil, err
	}
	authorization.keys = &s.keys
	if err := verify(authorization, signer.secret); err != nil {
		return nil, err
	}
	return s.signedRequest(c, signer), nil
}

// authenticateCOS does so for a signature that is in the body.
func (s *surface) authenticateCOS(c echo.Context, p params, text string) (*request, error) {
	if !s.COSSignatures {
		return nil, cosRefused()
	}
	authorization, err := parseCOS(text)
	if err != nil {
		return nil, err
	}
	signer, err := s.signer(c.Request().Context(), authorization.secretID, p.text("sessionToken"))
	if err != nil {
		return nil, err
	}
	lower, err := p.lower()
	if err != nil {
		return nil, err
	}
	if err := authorization.verifyMembers(c.Request(), signer.secret, lower, s.Now()); err != nil {
		return nil, err
	}
	return s.signedRequest(c, signer), nil
}

// environment maps the environment ID of a request to the caller's app: they must be the same, none means that app.
func (s *surface) environment(caller yunduo.Caller, env string) (yunduo.AppID, error) {
	if env == "" || env == string(caller.App) || (s.DefaultApp != "" && caller.App == s.DefaultApp) {
		return caller.App, nil
	}
	return "", yunduo.Errorf(yunduo.ReasonAppNotFound, "these keys do not belong to an environment %q", env)
}
