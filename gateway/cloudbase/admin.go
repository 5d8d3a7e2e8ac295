// Package cloudbase speaks the wire protocol of the official CloudBase SDKs and translates it to operations. Here so
// far: the admin endpoint that the server SDKs (wx-server-sdk, @cloudbase/node-sdk) call with keys.
package cloudbase

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"strings"
	"sync"
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
	// Container forwards a request to the function or route that the rest of its escaped path names, behind a prefix.
	Container func(c echo.Context, call *api.Call, prefix, path string) error
	// CaptchaPage is the page with the captcha's widget; empty if there is none.
	CaptchaPage string
	// PageAllowed reports whether pages of an origin may talk to an app.
	PageAllowed func(ctx context.Context, origin string, app yunduo.AppID) bool
	Sockets     *live.Sockets
	Logger      *slog.Logger
	Now         func() time.Time
}

type surface struct {
	Options
	marks *marks
	keys  signingKeys
}

// Mount adds the routes of the surface. What it returns answers some of their requests without router and middleware.
func Mount(e *echo.Echo, o Options) *Quick {
	if o.Now == nil {
		o.Now = time.Now
	}
	s := &surface{Options: o, marks: newMarks(o.Now)}
	e.POST(adminRoute, s.admin)
	e.POST(webRoute, s.web)
	e.POST("/", s.control)
	s.mountCOS(e)
	s.mountClient(e)
	s.mountGateway(e)
	s.mountBytes(e)
	e.GET("/ws", s.webSocket)
	return &Quick{s}
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
		answer = refused(c, err)
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
	r, err := s.adminCaller(c.Request().Context(), c, p)
	if err != nil {
		return nil, err
	}
	run, ok := actions[p.text("action")]
	if !ok {
		return nil, yunduo.Errorf(yunduo.ReasonUnknownOperation, "the action %q is not supported here", clip(p.text("action")))
	}
	r.params, r.body = p, body
	return run(c.Request().Context(), r)
}

// adminCaller finds out who a request comes from, by its signature or key.
func (s *surface) adminCaller(ctx context.Context, from sender, p params) (*request, error) {
	r, err := s.authenticate(ctx, from, p, func(a *tc3Authorization, secret string) error {
		return a.verify(from.Request(), secret, p, s.Now())
	})
	if err != nil {
		return nil, err
	}
	r.call.App, err = s.environment(r.call.Caller, p.text("envName"))
	return r, err
}

// authorizations are the memory of those that are being verified.
var authorizations = sync.Pool{New: func() any { return new(tc3Authorization) }}

// authenticate finds out which app the keys of a request belong to, and who acts with them.
func (s *surface) authenticate(ctx context.Context, from sender, p params, verify func(a *tc3Authorization, secret string) error) (*request, error) {
	header := from.Request().Header.Get(echo.HeaderAuthorization)
	if text := p.text("authorization"); header == "" && text != "" {
		return s.authenticateCOS(ctx, from, p, text)
	}
	if header == "" {
		return nil, yunduo.Errorf(yunduo.ReasonTokenMissing, "the request is not signed: give secretId and secretKey to init")
	}
	if key := exchange.Bearer(from.Request()); key != "" {
		caller, err := s.Rooms.Auth.VerifyAPIKey(ctx, key)
		if err != nil {
			return nil, err
		}
		caller.ClientIP = from.RealIP()
		return s.requestOf(ctx, from, caller, caller.App), nil
	}
	authorization := authorizations.Get().(*tc3Authorization)
	defer func() {
		*authorization = tc3Authorization{}
		authorizations.Put(authorization)
	}()
	if err := authorization.parse(header); err != nil {
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
	return s.signedRequest(ctx, from, signer), nil
}

// authenticateCOS does so for a signature that is in the body.
func (s *surface) authenticateCOS(ctx context.Context, from sender, p params, text string) (*request, error) {
	if !s.COSSignatures {
		return nil, cosRefused()
	}
	authorization, err := parseCOS(text)
	if err != nil {
		return nil, err
	}
	signer, err := s.signer(ctx, authorization.secretID, p.text("sessionToken"))
	if err != nil {
		return nil, err
	}
	if err := authorization.verifyMembers(from.Request(), signer.secret, p, s.Now()); err != nil {
		return nil, err
	}
	return s.signedRequest(ctx, from, signer), nil
}

// environment maps the environment ID of a request to the caller's app: they must be the same, none means that app.
func (s *surface) environment(caller yunduo.Caller, env string) (yunduo.AppID, error) {
	if env == "" || env == string(caller.App) || (s.DefaultApp != "" && caller.App == s.DefaultApp) {
		return caller.App, nil
	}
	return "", yunduo.Errorf(yunduo.ReasonAppNotFound, "these keys do not belong to an environment %q", env)
}
