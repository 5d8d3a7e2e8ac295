package cloudbase

import (
	"encoding/json"
	"math"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
	"yunduo/wire"
)

// Dialect C: the REST endpoint of js-sdk 3, in which documents are plain members of JSON; see docs/protocol.

// mountGateway adds the gateway endpoint.
func (s *surface) mountGateway(e *echo.Echo) {
	for _, method := range []string{http.MethodPost, http.MethodGet} {
		e.Add(method, invokeRoute, s.answered(callFunction))
	}
	e.Any(containerPrefix+":name", s.container)
	e.Any(containerPrefix+":name/*", s.container)
	s.mountStorages(e)
	db := e.Group("/v1/database/instances/:instance/databases/:database")
	db.POST("/collections", s.answered(restCreateCollection))
	documents := db.Group("/collections/:collection/documents")
	documents.GET("", s.answered(restQuery))
	documents.POST("", s.answered(overridden(restAdd, restUpdate)))
	documents.PATCH("", s.answered(restUpdate))
	documents.POST("/remove", s.answered(restRemove))
	documents.POST("/aggregations", s.answered(restAggregate))
	documents.GET("/*", s.answered(restGet))
	db.POST("/transactions", s.answered(restBegin))
	db.POST("/transactions/:transaction/commit", s.answered(restEnd("documents.commit")))
	db.POST("/transactions/:transaction/rollback", s.answered(restEnd("documents.abort")))
	db.POST("/commands", s.answered(restCommands))
}

// callFunction answers with the bare return value. The data of a GET are its query.
func callFunction(c echo.Context, r *request) (any, error) {
	if c.Request().Method == http.MethodGet {
		event, err := json.Marshal(flat(c.QueryParams()))
		if err != nil {
			return nil, err
		}
		return r.surface.API.Invoke(c.Request().Context(), &r.call, c.Param("name"), event)
	}
	event, err := exchange.Body(c, exchange.MaxJSONBody)
	if err != nil {
		return nil, err
	}
	return r.surface.API.Invoke(c.Request().Context(), &r.call, c.Param("name"), event)
}

const containerPrefix = "/v1/cloudrun/"

// container passes a request on to an HTTP function, which stands in for a service of the vendor's.
func (s *surface) container(c echo.Context) error {
	r, err := s.identified(c)
	if err == nil {
		path := strings.TrimPrefix(c.Request().URL.EscapedPath(), containerPrefix)
		err = s.Container(c, &r.call, strings.TrimSuffix(containerPrefix, "/"), path)
	}
	if err != nil && !c.Response().Committed {
		return fail(c, err)
	}
	return err
}

// flat makes an object of a query; of values under one name the first counts.
func flat(query url.Values) map[string]string {
	object := make(map[string]string, len(query))
	for name, values := range query {
		if name != "" {
			object[name] = values[0]
		}
	}
	return object
}

// overridden is for clients that cannot send PATCH, as in mini-programs: they send POST and name the method they mean.
func overridden(post, patch func(echo.Context, *request) (any, error)) func(echo.Context, *request) (any, error) {
	return func(c echo.Context, r *request) (any, error) {
		if strings.EqualFold(c.Request().Header.Get("X-HTTP-Method-Override"), http.MethodPatch) {
			return patch(c, r)
		}
		return post(c, r)
	}
}

func restCreateCollection(c echo.Context, r *request) (any, error) {
	var body struct {
		Collection string `json:"collectionName"`
	}
	if err := decodeBody(c, exchange.MaxJSONBody, &body); err != nil {
		return nil, err
	}
	return do[wire.Empty](c.Request().Context(), r, "collections.create", &wire.CollectionRequest{Collection: body.Collection})
}

func restAdd(c echo.Context, r *request) (any, error) {
	var body struct {
		Data        documentList `json:"data"`
		Transaction string       `json:"transactionId"`
	}
	if err := decodeBody(c, exchange.MaxJSONBody, &body); err != nil {
		return nil, err
	}
	response, err := do[wire.InsertResponse](c.Request().Context(), r, "documents.insert", &wire.InsertRequest{
		Collection: c.Param("collection"), Documents: body.Data, Transaction: body.Transaction,
	})
	if err != nil {
		return nil, err
	}
	return map[string]any{"insertedIds": response.InsertedIDs}, nil
}

// documentList is a list of documents, or a single one.
type documentList []json.RawMessage

func (l *documentList) UnmarshalJSON(text []byte) error {
	if len(text) > 0 && text[0] == '[' {
		return json.Unmarshal(text, (*[]json.RawMessage)(l))
	}
	*l = documentList{append(json.RawMessage(nil), text...)}
	return nil
}

// integer reads a number of the query; absent is 0.
func integer(c echo.Context, name string) (int64, error) {
	text := c.QueryParam(name)
	if text == "" {
		return 0, nil
	}
	n, err := strconv.ParseInt(text, 10, 64)
	if err != nil {
		return 0, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "%s: %q is not a whole number", name, clip(text))
	}
	return n, nil
}

// clip keeps what a client sent short in messages.
func clip(text string) string {
	if len(text) > 100 {
		text = text[:100]
	}
	return strings.ToValidUTF8(text, "")
}

func restQuery(c echo.Context, r *request) (any, error) {
	ctx, filter := c.Request().Context(), rawEJSON(c.QueryParam("query"))
	if c.QueryParam("count") == "true" {
		return do[wire.CountResponse](ctx, r, "documents.count", &wire.CountRequest{
			Collection: c.Param("collection"), Filter: filter, Transaction: c.QueryParam("transactionId"),
		})
	}
	find := &wire.FindRequest{
		Collection: c.Param("collection"), Filter: filter, Projection: rawEJSON(c.QueryParam("projection")),
		Transaction: c.QueryParam("transactionId"),
	}
	var err error
	if find.Skip, err = integer(c, "offset"); err != nil {
		return nil, err
	}
	if find.Limit, err = integer(c, "limit"); err != nil {
		return nil, err
	}
	if find.Sort, err = sortOf(json.RawMessage(c.QueryParam("order"))); err != nil {
		return nil, err
	}
	response, err := do[wire.DocumentsResponse](ctx, r, "documents.find", find)
	if err != nil {
		return nil, err
	}
	text := listReply(response.Documents)
	text = append(text[:len(text)-1], `,"offset":`...)
	text = append(strconv.AppendInt(text, find.Skip, 10), `,"limit":`...)
	return json.RawMessage(append(strconv.AppendInt(text, find.Limit, 10), '}')), nil
}

// listReply is {"list": documents}, which are not scanned again.
func listReply(documents json.RawMessage) json.RawMessage {
	text := make(json.RawMessage, 0, len(documents)+64)
	return append(append(append(text, `{"list":`...), documents...), '}')
}

// sortOf turns [{"field":"n","direction":"desc"}] into {"n":-1}. Of two entries with the same field the first counts.
func sortOf(order json.RawMessage) (json.RawMessage, error) {
	if len(order) == 0 || string(order) == "null" {
		return nil, nil
	}
	var entries []struct {
		Field     string `json:"field"`
		Direction string `json:"direction"`
	}
	if err := json.Unmarshal(order, &entries); err != nil {
		return nil, yunduo.Wrap(err, yunduo.ReasonInvalidRequest, "order must be a list of objects with field and direction")
	}
	known := make(map[string]bool, len(entries))
	sort := json.RawMessage{'{'}
	for _, e := range entries {
		if known[e.Field] {
			continue
		}
		known[e.Field] = true
		name, err := json.Marshal(e.Field)
		if err != nil {
			return nil, err
		}
		if len(sort) > 1 {
			sort = append(sort, ',')
		}
		sort = append(append(sort, name...), ':')
		switch e.Direction {
		case "", "asc":
			sort = append(sort, '1')
		case "desc":
			sort = append(sort, "-1"...)
		default:
			return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "order: the direction %q is neither asc nor desc", clip(e.Direction))
		}
	}
	return append(sort, '}'), nil
}

// restGet answers with one document. The ID stands in the path as it is, so that a number cannot be told from its text.
func restGet(c echo.Context, r *request) (any, error) {
	id, err := documentID(c)
	if err != nil {
		return nil, err
	}
	filter, err := idFilter(id)
	if err != nil {
		return nil, err
	}
	response, err := do[wire.DocumentsResponse](c.Request().Context(), r, "documents.find", &wire.FindRequest{
		Collection: c.Param("collection"), Filter: filter, Projection: rawEJSON(c.QueryParam("projection")), Limit: 1,
		Transaction: c.QueryParam("transactionId"),
	})
	if err != nil {
		return nil, err
	}
	if string(response.Documents) == "[]" {
		return nil, yunduo.Errorf(yunduo.ReasonDocumentNotFound, "there is no document %q, or the rules hide it", clip(id))
	}
	return response.Documents[1 : len(response.Documents)-1], nil
}

// documentID is what follows /documents/ in the path.
func documentID(c echo.Context) (string, error) {
	id, err := url.PathUnescape(c.Param("*"))
	if err != nil || c.Request().URL.RawPath == "" {
		id = c.Param("*") // decoded by the router already
	}
	if id == "" {
		return "", yunduo.Errorf(yunduo.ReasonInvalidRequest, "the document's ID is missing in the address")
	}
	return id, nil
}

func idFilter(id string) (json.RawMessage, error) {
	text, err := json.Marshal(id)
	if err != nil {
		return nil, err
	}
	if n, err := strconv.ParseFloat(id, 64); err == nil && !math.IsNaN(n) && !math.IsInf(n, 0) && strconv.FormatFloat(n, 'f', -1, 64) == id {
		return json.RawMessage(`{"_id":{"$in":[` + string(text) + `,` + id + `]}}`), nil
	}
	return json.RawMessage(`{"_id":` + string(text) + `}`), nil
}

// restUpdate is set and update, which differ in the data alone: without operators they replace the document.
func restUpdate(c echo.Context, r *request) (any, error) {
	var body struct {
		Query       json.RawMessage `json:"query"`
		Data        json.RawMessage `json:"data"`
		Multi       bool            `json:"multi"`
		Upsert      bool            `json:"upsert"`
		ReplaceMode bool            `json:"replaceMode"`
		Transaction string          `json:"transactionId"`
	}
	if err := decodeBody(c, exchange.MaxJSONBody, &body); err != nil {
		return nil, err
	}
	response, err := do[wire.UpdateResponse](c.Request().Context(), r, "documents.update", &wire.UpdateRequest{
		Collection: c.Param("collection"), Filter: body.Query, Update: changeOf(body.Data, !body.Upsert && !body.ReplaceMode),
		Multi: body.Multi, Upsert: body.Upsert, Transaction: body.Transaction,
	})
	if err != nil {
		return nil, err
	}
	upserted := any("")
	if response.UpsertedID != nil {
		upserted = response.UpsertedID
	}
	return map[string]any{
		"matched": response.Matched, "updated": response.Modified, "upsert_id": upserted, "upserted_id": upserted,
	}, nil
}

func restRemove(c echo.Context, r *request) (any, error) {
	var body struct {
		Query       json.RawMessage `json:"query"`
		Multi       bool            `json:"multi"`
		Transaction string          `json:"transactionId"`
	}
	if err := decodeBody(c, exchange.MaxJSONBody, &body); err != nil {
		return nil, err
	}
	return do[wire.DeleteResponse](c.Request().Context(), r, "documents.delete", &wire.DeleteRequest{
		Collection: c.Param("collection"), Filter: body.Query, Multi: body.Multi, Transaction: body.Transaction,
	})
}

func restAggregate(c echo.Context, r *request) (any, error) {
	var body struct {
		Pipeline    []json.RawMessage `json:"pipeline"`
		Transaction string            `json:"transactionId"`
	}
	if err := decodeBody(c, exchange.MaxJSONBody, &body); err != nil {
		return nil, err
	}
	response, err := do[wire.DocumentsResponse](c.Request().Context(), r, "documents.aggregate", &wire.AggregateRequest{
		Collection: c.Param("collection"), Pipeline: body.Pipeline, Transaction: body.Transaction,
	})
	if err != nil {
		return nil, err
	}
	return listReply(response.Documents), nil
}

func restBegin(c echo.Context, r *request) (any, error) {
	response, err := do[wire.TransactionResponse](c.Request().Context(), r, "documents.begin", &wire.Empty{})
	if err != nil {
		return nil, err
	}
	return map[string]any{"transactionId": response.Transaction}, nil
}

func restEnd(operation string) func(c echo.Context, r *request) (any, error) {
	return func(c echo.Context, r *request) (any, error) {
		return do[wire.Empty](c.Request().Context(), r, operation, &wire.TransactionRequest{Transaction: c.Param("transaction")})
	}
}
