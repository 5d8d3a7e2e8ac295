package cloudbase

import (
	"context"

	"yunduo"
	"yunduo/wire"
)

func invokeFunction(ctx context.Context, r *request) (*reply, error) {
	f := fields{params: r.params}
	name, data := f.text("function_name"), f.bytes("request_data")
	if f.err != nil {
		return nil, f.err
	}
	if qualifier := f.text("qualifier"); qualifier != "" && qualifier != vendorLatest && qualifier != vendorDefault {
		name += ":" + qualifier // a version's number, or an alias
	}
	result, err := r.surface.API.Invoke(ctx, &r.call, name, data)
	if err != nil {
		return nil, err
	}
	return &reply{Data: returned{result, r.parse}}, nil
}

// returned is data of a reply that holds what a function returned, as a text or as it is.
type returned struct {
	result []byte
	plain  bool
}

func (r returned) append(dst []byte) []byte {
	dst = append(dst, `{"response_data":`...)
	if r.plain {
		return append(append(dst, r.result...), '}')
	}
	return append(appendQuoted(dst, r.result), '}')
}

func uploadMetadata(ctx context.Context, r *request) (*reply, error) {
	grant, err := r.grant(ctx, r.params.text("path"), 0, "")
	if err != nil {
		return nil, err
	}
	return &reply{Data: map[string]any{
		"url": grant.url, "token": grant.token, "authorization": grant.authorization, "fileId": grant.fileID, "cosFileId": grant.metaFileID,
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
	if err := r.into(&p); err != nil {
		return nil, err
	}
	request := &wire.FileURLsRequest{}
	for _, f := range p.Files {
		request.Files = append(request.Files, wire.FileURLRequest{FileID: f.ID, MaxAgeSeconds: f.MaxAge})
	}
	response, err := do[wire.FileURLsResponse](ctx, r, "files.urls", request)
	if err != nil {
		return nil, err
	}
	list := []map[string]any{}
	for _, f := range response.Files {
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
	if err := r.into(&p); err != nil {
		return nil, err
	}
	response, err := do[wire.DeleteFilesResponse](ctx, r, "files.delete", &wire.DeleteFilesRequest{FileIDs: p.Files})
	if err != nil {
		return nil, err
	}
	list := []map[string]any{}
	for _, f := range response.Files {
		list = append(list, map[string]any{"fileID": f.FileID, "fileid": f.FileID, "code": fileCode(f.Error)})
	}
	return &reply{Data: map[string]any{"delete_list": list}}, nil
}

func copyFiles(ctx context.Context, r *request) (*reply, error) {
	var p struct {
		Files []struct {
			Source      string `json:"src_path"`
			Destination string `json:"dst_path"`
			Overwrite   *bool  `json:"overwrite"`
			Remove      bool   `json:"remove_original"`
		} `json:"file_list"`
	}
	if err := r.into(&p); err != nil {
		return nil, err
	}
	request := &wire.CopyFilesRequest{}
	for _, f := range p.Files {
		request.Files = append(request.Files, wire.CopyFileRequest{
			From: f.Source, To: f.Destination, Overwrite: f.Overwrite == nil || *f.Overwrite, Move: f.Remove,
		})
	}
	response, err := do[wire.CopyFilesResponse](ctx, r, "files.copy", request)
	if err != nil {
		return nil, err
	}
	list := []map[string]any{}
	for _, f := range response.Files {
		list = append(list, map[string]any{"fileID": f.FileID, "fileid": f.FileID, "code": fileCode(f.Error)})
	}
	return &reply{Data: map[string]any{"copy_list": list}}, nil
}

// userForAdmin finds the user whom a request names by ID, or by what a platform calls the user.
func (r *request) userForAdmin(ctx context.Context) (*wire.User, error) {
	if id := r.params.text("uuid"); id != "" {
		return do[wire.User](ctx, r, "users.get", &wire.UserRequest{ID: id})
	}
	platform := r.params.text("platform")
	provider := providerNamed(platform)
	if provider == "" {
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "platform: %q is none of PHONE, EMAIL, USERNAME, CUSTOM, WECHAT", clip(platform))
	}
	return do[wire.User](ctx, r, "users.find", &wire.FindUserRequest{Provider: provider, Subject: r.params.text("platformId")})
}

// userInfoForAdmin describes a user to code of the app.
func userInfoForAdmin(ctx context.Context, r *request) (*reply, error) {
	user, err := r.userForAdmin(ctx)
	if err != nil {
		return nil, err
	}
	info := user1(r, user)
	info["openId"], info["loginType"] = user.Subjects["wechat"], loginTypes[user.Provider]
	return &reply{Data: info}, nil
}
