package cloudbase

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
)

// The control plane: what the vendor's command line and manager SDK call to deploy and look after an app. Every call is
// a POST of JSON to "/", whose header X-TC-Action names it, signed with keys of the app over the whole body.

const actionHeader = "X-TC-Action"

// members are what a call answers with, beside the request's ID.
type members map[string]any

// controlCall is a verified call with the members of its body.
type controlCall struct {
	*request
	region string
	zone   *time.Location // of the client
}

type controlAction func(ctx context.Context, c *controlCall) (members, error)

// controlActions are by name, whatever service they belong to: no name has two meanings.
var controlActions = map[string]controlAction{
	"DescribeEnvs":            describeEnvs,
	"DescribeEnvInfo":         describeEnvInfo,
	"DescribeTcbAccountInfo":  describeAccount,
	"CheckTcbService":         func(context.Context, *controlCall) (members, error) { return members{"Initialized": true}, nil },
	"ModifyEnv":               modifyEnv,
	"DescribeAuthDomains":     describeAuthDomains,
	"CreateAuthDomain":        createAuthDomain,
	"DeleteAuthDomain":        deleteAuthDomain,
	"CreateCustomLoginKeys":   createCustomLoginKeys,
	"DescribeStorageSafeRule": describeStorageRule,
	"ModifyStorageSafeRule":   modifyStorageRule,

	"ListFunctions":               listFunctions,
	"GetFunction":                 getFunction,
	"CreateFunction":              createFunction,
	"UpdateFunctionCode":          updateFunctionCode,
	"UpdateFunctionConfiguration": updateFunctionConfiguration,
	"DeleteFunction":              deleteFunction,
	"Invoke":                      invokeDirectly,
	"ListVersionByFunction":       listVersions,
	"PublishVersion":              publishVersion,
	"UpdateAlias":                 updateAlias,
	"GetAlias":                    getAlias,
	"GetTempCosInfo":              stagingTicket,
	"GetFunctionAddress":          functionAddress,
	"BatchCreateTrigger":          createTriggers,
	"CreateTrigger":               createTrigger,
	"DeleteTrigger":               deleteTrigger,
	"ListTriggers":                listTriggers,
	"GetFunctionLogs":             functionLogs,
	"GetFunctionLogDetail":        functionLogDetail,
	"DescribeCloudBaseGWAPI":      describeRoutes,

	"CreateTable":   createTable,
	"DeleteTable":   deleteTable,
	"DescribeTable": describeTable,
	"ListTables":    listTables,
	"UpdateTable":   updateTable,
	"RunCommands":   runTableCommands,
}

func (s *surface) control(c echo.Context) error {
	answer, err := s.controlAnswer(c)
	if err != nil {
		exchange.Note(c, err)
		answer = members{"Error": map[string]string{"Code": controlCode(err), "Message": yunduo.AsError(err).Message}}
	}
	if _, own := answer["RequestId"]; !own { // the tools print it for that of an invocation
		answer["RequestId"] = exchange.RequestID(c)
	}
	c.Response().Header().Set("Cache-Control", "no-store")
	return c.JSON(http.StatusOK, map[string]any{"Response": answer})
}

func (s *surface) controlAnswer(c echo.Context) (members, error) {
	header := c.Request().Header.Get(echo.HeaderAuthorization)
	if !strings.HasPrefix(header, tc3Algorithm) {
		return nil, yunduo.Errorf(yunduo.ReasonTokenMissing, "the request is not signed with a key of an app")
	}
	r, err := s.signedCloudAPI(c, header)
	if err != nil {
		return nil, err
	}
	if r.body, err = exchange.Body(c, exchange.MaxJSONBody); err != nil {
		return nil, err
	}
	if r.params, err = membersOf(r.body); err != nil {
		return nil, err
	}
	for _, name := range []string{"EnvId", "Namespace"} {
		if env := r.params.text(name); env != "" {
			if r.call.App, err = s.environment(r.call.Caller, env); err != nil {
				return nil, err
			}
		}
	}
	name := c.Request().Header.Get(actionHeader)
	run, ok := controlActions[name]
	if !ok {
		return nil, yunduo.Errorf(yunduo.ReasonUnknownOperation, "the action %q is not supported here", clip(name))
	}
	region := c.Request().Header.Get("X-TC-Region")
	if region == "" {
		region = defaultRegion
	}
	return run(c.Request().Context(), &controlCall{request: r, region: region, zone: zoneOf(c.Request().Header.Get(offsetHeader))})
}

// defaultRegion stands where the vendor's tools want a region named; there is only this server.
const defaultRegion = "ap-shanghai"

// offsetHeader is how many minutes the client's clock is ahead of UTC: the preload says so, because the tools write
// times without a zone.
const offsetHeader = "X-Client-Offset"

// vendorZone is in which the tools' times are without the preload.
var vendorZone = time.FixedZone("UTC+8", 8*3600)

func zoneOf(offset string) *time.Location {
	minutes, err := strconv.Atoi(offset)
	if err != nil || minutes < -24*60 || minutes > 24*60 {
		return vendorZone
	}
	return time.FixedZone("client", minutes*60)
}

// time is how the tools write times.
func (c *controlCall) time(t time.Time) string { return t.In(c.zone).Format(time.DateTime) }

// controlCodes are the names that the tools act upon; other errors are named by their class.
var controlCodes = map[yunduo.Reason]string{
	yunduo.ReasonUnknownOperation:   "InvalidAction",
	yunduo.ReasonAppNotFound:        "ResourceNotFound.Namespace",
	yunduo.ReasonFunctionNotFound:   "ResourceNotFound.Function",
	yunduo.ReasonTriggerNotFound:    "ResourceNotFound.Trigger",
	yunduo.ReasonCollectionNotFound: "ResourceNotFound",
	yunduo.ReasonUnsupportedCall:    "UnsupportedOperation",
	yunduo.ReasonSignatureInvalid:   "AuthFailure.SignatureFailure",
	yunduo.ReasonTokenExpired:       "AuthFailure.SignatureExpire",
}

// coded is an error that the tools know by a name of its own.
type coded struct {
	code  string
	error // a *yunduo.Error
}

func (c coded) Unwrap() error { return c.error }

func controlCode(err error) string {
	var exact coded
	if errors.As(err, &exact) {
		return exact.code
	}
	e := yunduo.AsError(err)
	if code, ok := controlCodes[e.Reason]; ok {
		return code
	}
	switch e.Code() {
	case yunduo.CodeInvalid, yunduo.CodeTooLarge:
		return "InvalidParameterValue"
	case yunduo.CodeUnauthenticated:
		return "AuthFailure"
	case yunduo.CodeDenied:
		return "UnauthorizedOperation"
	case yunduo.CodeNotFound:
		return "ResourceNotFound"
	case yunduo.CodeExists, yunduo.CodeConflict:
		return "ResourceInUse"
	case yunduo.CodeExhausted:
		return "LimitExceeded"
	case yunduo.CodeFunction:
		return "FailedOperation"
	}
	return "InternalError"
}
