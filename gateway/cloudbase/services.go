package cloudbase

import (
	"context"

	"yunduo"
	"yunduo/wire"
)

func invokeFunction(ctx context.Context, r *request) (*reply, error) {
	var p struct {
		Name string `json:"function_name"`
		Data string `json:"request_data"`
	}
	if err := r.params.into(&p); err != nil {
		return nil, err
	}
	result, err := r.surface.API.Invoke(ctx, &r.call, p.Name, []byte(p.Data))
	if err != nil {
		return nil, err
	}
	return &reply{Data: map[string]any{"response_data": string(result)}}, nil
}

func uploadMetadata(ctx context.Context, r *request) (*reply, error) {
	response, err := r.do(ctx, "files.grantUpload", wire.GrantUploadRequest{Path: r.params.text("path")})
	if err != nil {
		return nil, err
	}
	grant := response.(*wire.GrantUploadResponse)
	// The permission is in the address itself; the SDKs only pass the other fields back to us.
	return &reply{Data: map[string]any{
		"url": grant.URL, "token": "in-url", "authorization": "in-url", "fileId": grant.FileID, "cosFileId": grant.FileID,
	}}, nil
}

// fileCode is the per-file outcome in the words of the SDKs.
func fileCode(e *wire.ErrorBody) string {
	if e == nil {
		return "SUCCESS"
	}
	return yunduo.Reason(e.Reason).CloudBase()
}

func downloadURLs(ctx context.Context, r *request) (*reply, error) {
	var p struct {
		Files []struct {
			ID     string `json:"fileid"`
			MaxAge int64  `json:"max_age"`
		} `json:"file_list"`
	}
	if err := r.params.into(&p); err != nil {
		return nil, err
	}
	request := wire.FileURLsRequest{}
	for _, f := range p.Files {
		request.Files = append(request.Files, wire.FileURLRequest{FileID: f.ID, MaxAgeSeconds: f.MaxAge})
	}
	response, err := r.do(ctx, "files.urls", request)
	if err != nil {
		return nil, err
	}
	list := []map[string]any{}
	for _, f := range response.(*wire.FileURLsResponse).Files {
		list = append(list, map[string]any{
			"fileID": f.FileID, "fileid": f.FileID, "tempFileURL": f.URL, "download_url": f.URL,
			"maxAge": f.MaxAgeSeconds, "code": fileCode(f.Error),
		})
	}
	return &reply{Data: map[string]any{"download_list": list}}, nil
}

func deleteFiles(ctx context.Context, r *request) (*reply, error) {
	var p struct {
		Files []string `json:"fileid_list"`
	}
	if err := r.params.into(&p); err != nil {
		return nil, err
	}
	response, err := r.do(ctx, "files.delete", wire.DeleteFilesRequest{FileIDs: p.Files})
	if err != nil {
		return nil, err
	}
	list := []map[string]any{}
	for _, f := range response.(*wire.DeleteFilesResponse).Files {
		list = append(list, map[string]any{"fileID": f.FileID, "fileid": f.FileID, "code": fileCode(f.Error)})
	}
	return &reply{Data: map[string]any{"delete_list": list}}, nil
}
