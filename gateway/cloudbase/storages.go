package cloudbase

import (
	"strconv"
	"strings"

	"github.com/labstack/echo/v4"

	"yunduo"
	"yunduo/gateway/exchange"
	"yunduo/wire"
)

// mountStorages adds the file calls of the gateway endpoint; the bytes go to the addresses that they give out.
func (s *surface) mountStorages(e *echo.Echo) {
	storages := e.Group("/v1/storages")
	storages.POST("/get-objects-upload-info", s.answered(uploadInfo))
	storages.POST("/get-objects-download-info", s.answered(downloadInfo))
	storages.POST("/delete-objects", s.answered(deleteObjects))
	storages.POST("/copy-objects", s.answered(copyObjects))
}

// object is one entry of the lists that these calls exchange.
type object struct {
	ObjectID     string              `json:"objectId"`
	CloudID      string              `json:"cloudObjectId"`
	SignedHeader map[string][]string `json:"signedHeader"`
	MaxAge       int64               `json:"maxAge"`
}

// failedObject tells a file's error in its entry of the reply.
func failedObject(entry map[string]any, e *wire.ErrorBody) map[string]any {
	if e != nil {
		entry["code"], entry["message"] = fileCode(e), e.Message
	}
	return entry
}

// header returns a signed header's value, in whatever case its name was given.
func (o object) header(name string) string {
	for given, values := range o.SignedHeader {
		if strings.EqualFold(given, name) && len(values) > 0 {
			return values[0]
		}
	}
	return ""
}

func uploadInfo(c echo.Context, r *request) (any, error) {
	var objects []object
	if err := decodeBody(c, exchange.MaxJSONBody, &objects); err != nil {
		return nil, err
	}
	if err := checkObjects(len(objects)); err != nil {
		return nil, err
	}
	list := make([]map[string]any, len(objects))
	for i, o := range objects {
		// A length that the client vouches for bounds the upload; without one the server's own limit does.
		size, err := strconv.ParseInt(o.header("content-length"), 10, 64)
		if err != nil || size < 0 {
			size = 0
		}
		grant, err := r.grant(c.Request().Context(), o.ObjectID, size, o.header("content-type"))
		if err != nil {
			body := wire.NewErrorBody(err, exchange.RequestID(c))
			list[i] = failedObject(map[string]any{"objectId": o.ObjectID}, &body)
			continue
		}
		list[i] = map[string]any{
			"objectId": o.ObjectID, "uploadUrl": grant.url, "downloadUrl": "", "token": grant.token,
			"authorization": grant.authorization, "cloudObjectMeta": grant.metaFileID, "cloudObjectId": grant.fileID,
		}
	}
	return list, nil
}

func checkObjects(n int) error {
	if n > maxObjects {
		return yunduo.Errorf(yunduo.ReasonInvalidRequest, "the request names %d files; at most %d are allowed", n, maxObjects)
	}
	return nil
}

const maxObjects = 1000

func downloadInfo(c echo.Context, r *request) (any, error) {
	var objects []object
	if err := decodeBody(c, exchange.MaxJSONBody, &objects); err != nil {
		return nil, err
	}
	request := &wire.FileURLsRequest{}
	for _, o := range objects {
		request.Files = append(request.Files, wire.FileURLRequest{FileID: o.CloudID, MaxAgeSeconds: o.MaxAge})
	}
	response, err := do[wire.FileURLsResponse](c.Request().Context(), r, "files.urls", request)
	if err != nil {
		return nil, err
	}
	list := make([]map[string]any, len(response.Files))
	for i, f := range response.Files {
		list[i] = failedObject(map[string]any{"cloudObjectId": f.FileID, "downloadUrl": f.URL}, f.Error)
	}
	return list, nil
}

func deleteObjects(c echo.Context, r *request) (any, error) {
	var objects []object
	if err := decodeBody(c, exchange.MaxJSONBody, &objects); err != nil {
		return nil, err
	}
	request := &wire.DeleteFilesRequest{}
	for _, o := range objects {
		request.FileIDs = append(request.FileIDs, o.CloudID)
	}
	response, err := do[wire.DeleteFilesResponse](c.Request().Context(), r, "files.delete", request)
	if err != nil {
		return nil, err
	}
	list := make([]map[string]any, len(response.Files))
	for i, f := range response.Files {
		list[i] = failedObject(map[string]any{"cloudObjectId": f.FileID}, f.Error)
	}
	return list, nil
}

func copyObjects(c echo.Context, r *request) (any, error) {
	var body []struct {
		Source      string `json:"srcPath"`
		Destination string `json:"dstPath"`
		Overwrite   *bool  `json:"overwrite"`
		Remove      bool   `json:"removeOriginal"`
	}
	if err := decodeBody(c, exchange.MaxJSONBody, &body); err != nil {
		return nil, err
	}
	request := &wire.CopyFilesRequest{}
	for _, f := range body {
		request.Files = append(request.Files, wire.CopyFileRequest{
			From: f.Source, To: f.Destination, Overwrite: f.Overwrite == nil || *f.Overwrite, Move: f.Remove,
		})
	}
	response, err := do[wire.CopyFilesResponse](c.Request().Context(), r, "files.copy", request)
	if err != nil {
		return nil, err
	}
	list := make([]map[string]any, len(response.Files))
	for i, f := range response.Files {
		list[i] = failedObject(map[string]any{"cloudObjectId": f.FileID}, f.Error)
	}
	return list, nil
}
