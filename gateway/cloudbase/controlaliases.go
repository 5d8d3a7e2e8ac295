package cloudbase

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"yunduo"
	"yunduo/wire"
)

// Versions and their traffic, as the vendor's tools know them. Every deployment makes a version here, so that publishing
// one only tells its number; the alias $DEFAULT, which calls without an alias take, is called live.

const (
	vendorDefault = "$DEFAULT"
	vendorLatest  = "$LATEST"
	liveAlias     = "live"
	// routeKey is what the tools share calls by: a number below 100, which belongs to the user here.
	routeKey = "invoke.headers.X-Tcb-Route-Key"
)

// aliasName is an alias's name here.
func aliasName(name string) string {
	if name == "" || name == vendorDefault {
		return liveAlias
	}
	return name
}

// versionNumber is the number of a version that a tool names.
func (c *controlCall) versionNumber(ctx context.Context, function, version string) (int64, error) {
	if version == vendorLatest || version == "" {
		response, err := do[wire.FunctionVersionsResponse](ctx, c.request, "functions.versions", &wire.FunctionRequest{Name: function})
		if err != nil {
			return 0, err
		}
		newest := slices.MaxFunc(response.Versions, func(a, b wire.FunctionVersion) int { return int(a.Number - b.Number) })
		return newest.Number, nil
	}
	n, err := strconv.ParseInt(version, 10, 64)
	if err != nil || n < 1 {
		return 0, yunduo.Errorf(yunduo.ReasonInvalidRequest, "version: %q is neither a number nor $LATEST", clip(version))
	}
	return n, nil
}

func publishVersion(ctx context.Context, c *controlCall) (members, error) {
	name := c.params.text("FunctionName")
	n, err := c.versionNumber(ctx, name, vendorLatest)
	if err != nil {
		return nil, err
	}
	return members{"FunctionName": name, "FunctionVersion": strconv.FormatInt(n, 10), "Namespace": string(c.call.App), "Runtime": "Nodejs", "Description": ""}, nil
}

// routing is which versions share the calls of an alias.
type routing struct {
	Matches []versionMatch  `json:"AddtionVersionMatchs"` // sic
	Weights []versionWeight `json:"AdditionalVersionWeights"`
}

// versionMatch gives a version the route keys of a range such as [0,30).
type versionMatch struct{ Version, Key, Method, Expression string }

// versionWeight gives a version a share of the calls, from 0 to 1; the rest goes to the alias's own version.
type versionWeight struct {
	Version string
	Weight  float64
}

// rangeOf reads the bounds of a range of route keys.
func rangeOf(m versionMatch) (from, to float64, err error) {
	bounds, ok := strings.CutPrefix(m.Expression, "[")
	bounds, closed := strings.CutSuffix(bounds, ")")
	first, second, two := strings.Cut(bounds, ",")
	from, err1 := strconv.ParseFloat(strings.TrimSpace(first), 64)
	to, err2 := strconv.ParseFloat(strings.TrimSpace(second), 64)
	if !ok || !closed || !two || err1 != nil || err2 != nil || !(0 <= from && from <= to && to <= 100) || m.Method != "range" {
		return 0, 0, yunduo.Errorf(yunduo.ReasonInvalidRequest, "RoutingConfig: %q must be a range [FROM,TO) from 0 to 100", clip(m.Expression))
	}
	return from, to, nil
}

// share is a version with the percentage of calls that it is to get.
type share struct {
	version string
	percent float64
}

// shares reads who gets what of the calls: own is the version of what nobody else gets.
func (r routing) shares(own string) ([]share, error) {
	list := []share{}
	rest, end := 100.0, 0.0
	for _, m := range r.Matches {
		from, to, err := rangeOf(m)
		if err != nil {
			return nil, err
		}
		if from != end {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "RoutingConfig: the ranges must follow one another from 0")
		}
		list, rest, end = append(list, share{m.Version, to - from}), 100-to, to
	}
	for _, w := range r.Weights {
		if !(w.Weight >= 0 && w.Weight*100 <= rest) {
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "RoutingConfig: the weights must be from 0 to 1, together too")
		}
		percent := math.Round(w.Weight*1e4) / 100
		list, rest = append(list, share{w.Version, percent}), rest-percent
	}
	if rest > 0 {
		list = append([]share{{own, rest}}, list...)
	}
	list = slices.DeleteFunc(list, func(s share) bool { return s.percent == 0 })
	if len(list) > 2 {
		return nil, yunduo.Errorf(yunduo.ReasonUnsupportedCall, "RoutingConfig: at most two versions share the calls of an alias")
	}
	return list, nil
}

func updateAlias(ctx context.Context, c *controlCall) (members, error) {
	var p struct {
		FunctionName    string
		Name            string
		FunctionVersion string
		RoutingConfig   routing
	}
	if err := c.into(&p); err != nil {
		return nil, err
	}
	shares, err := p.RoutingConfig.shares(p.FunctionVersion)
	if err != nil {
		return nil, err
	}
	request := &wire.AliasRequest{Name: p.FunctionName, Alias: aliasName(p.Name)}
	for i, s := range shares {
		n, err := c.versionNumber(ctx, p.FunctionName, s.version)
		if err != nil {
			return nil, err
		}
		if i == 0 {
			request.Version = n
		} else if n != request.Version {
			request.Next, request.Percent = n, s.percent
		}
	}
	_, err = do[wire.Function](ctx, c.request, "functions.setAlias", request)
	return members{}, err
}

func getAlias(ctx context.Context, c *controlCall) (members, error) {
	f, err := do[wire.Function](ctx, c.request, "functions.get", &wire.FunctionRequest{Name: c.params.text("FunctionName")})
	if err != nil {
		return nil, err
	}
	name := c.params.text("Name")
	to := f.Live
	if alias := aliasName(name); alias != liveAlias {
		known := false
		if to, known = f.Aliases[alias]; !known {
			return nil, coded{"ResourceNotFound.Alias", yunduo.Errorf(yunduo.ReasonFunctionNotFound, "the function %q has no alias %q", f.Name, clip(name))}
		}
	}
	border := 100 - to.Percent
	matches := []versionMatch{routeTo(to.Version, 0, border)}
	if to.Next != 0 {
		matches = append(matches, routeTo(to.Next, border, 100))
	}
	return members{
		"Name": name, "FunctionVersion": strconv.FormatInt(to.Version, 10), "Description": "", "AddTime": c.time(f.UpdatedAt), "ModTime": c.time(f.UpdatedAt),
		"RoutingConfig": routing{Matches: matches, Weights: []versionWeight{}},
	}, nil
}

func routeTo(version int64, from, to float64) versionMatch {
	return versionMatch{Version: strconv.FormatInt(version, 10), Key: routeKey, Method: "range", Expression: fmt.Sprintf("[%v,%v)", from, to)}
}
