package api

import (
	"context"
	"time"

	"yunduo/data/documents/driver"
	"yunduo/data/query/ejson"
	"yunduo/wire"
)

func collectionOperations() []*Operation {
	return []*Operation{
		row("collections.list", Privileged, "List collections", listCollections),
		row("collections.create", Privileged, "Create a collection", createCollection),
		row("collections.drop", Privileged, "Drop a collection with its documents", dropCollection),
		row("collections.rename", Owner, "Give a collection another name", renameCollection),
		row("collections.usage", Privileged, "What the app has stored", usage),
		row("collections.rules", Privileged, "Read the security rules of a collection", collectionRules),
		row("collections.setRules", Owner, "Set the security rules of a collection", setCollectionRules),
		row("indexes.list", Privileged, "List the indexes of a collection", listIndexes),
		row("indexes.create", Privileged, "Create an index", createIndex),
		row("indexes.drop", Privileged, "Drop an index", dropIndex),
	}
}

func listCollections(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.CollectionsResponse, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	infos, err := s.Collections(ctx)
	if err != nil {
		return nil, err
	}
	response := &wire.CollectionsResponse{Collections: make([]wire.Collection, len(infos))}
	for i, info := range infos {
		response.Collections[i] = wire.Collection{Name: info.Name, Documents: info.Documents, Bytes: info.Bytes, IndexBytes: info.IndexBytes}
	}
	return response, nil
}

func createCollection(ctx context.Context, a *API, call *Call, req *wire.CollectionRequest) (*wire.Empty, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	return &wire.Empty{}, s.CreateCollection(ctx, req.Collection)
}

func dropCollection(ctx context.Context, a *API, call *Call, req *wire.CollectionRequest) (*wire.Empty, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	return &wire.Empty{}, s.DropCollection(ctx, req.Collection)
}

func renameCollection(ctx context.Context, a *API, call *Call, req *wire.RenameCollectionRequest) (*wire.Empty, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	return &wire.Empty{}, s.RenameCollection(ctx, req.Collection, req.To)
}

func usage(ctx context.Context, a *API, call *Call, _ *wire.Empty) (*wire.UsageResponse, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	u, err := s.Usage(ctx)
	if err != nil {
		return nil, err
	}
	response := wire.UsageResponse(u)
	return &response, nil
}

func collectionRules(ctx context.Context, a *API, call *Call, req *wire.CollectionRequest) (*wire.RulesResponse, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	rules, err := s.Rules(ctx, req.Collection)
	if err != nil {
		return nil, err
	}
	return &wire.RulesResponse{Rules: rules}, nil
}

func setCollectionRules(ctx context.Context, a *API, call *Call, req *wire.RulesRequest) (*wire.Empty, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	return &wire.Empty{}, s.SetRules(ctx, req.Collection, req.Rules)
}

func listIndexes(ctx context.Context, a *API, call *Call, req *wire.CollectionRequest) (*wire.IndexesResponse, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	indexes, err := s.Indexes(ctx, req.Collection)
	if err != nil {
		return nil, err
	}
	return &wire.IndexesResponse{Indexes: wireIndexes(indexes)}, nil
}

func wireIndexes(indexes []driver.Index) []wire.Index {
	list := make([]wire.Index, len(indexes))
	for i, index := range indexes {
		list[i] = wireIndex(index)
	}
	return list
}

func wireIndex(index driver.Index) wire.Index {
	w := wire.Index{
		Name: index.Name, Unique: index.Unique, Sparse: index.Sparse, ExpireAfterSeconds: int64(index.ExpireAfter / time.Second), State: "ready",
	}
	for _, f := range index.Fields {
		w.Fields = append(w.Fields, wire.IndexField(f))
	}
	if len(index.Partial) > 0 {
		w.PartialFilter = ejson.Append(nil, index.Partial)
	}
	if len(index.Collation) > 0 {
		w.Collation = ejson.Append(nil, index.Collation)
	}
	if b := index.Build; b != nil {
		w.State, w.Done, w.Total, w.Failure = "building", b.Done, b.Total, b.Failed
		if b.Failed != "" {
			w.State = "failed"
		}
	}
	return w
}

func createIndex(ctx context.Context, a *API, call *Call, req *wire.CreateIndexRequest) (*wire.Empty, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	index, err := a.index(req.Index)
	if err != nil {
		return nil, err
	}
	return &wire.Empty{}, s.CreateIndex(ctx, req.Collection, index)
}

// index reads the definition of an index.
func (a *API) index(w wire.Index) (index driver.Index, err error) {
	index = driver.Index{Name: w.Name, Unique: w.Unique, Sparse: w.Sparse, ExpireAfter: time.Duration(w.ExpireAfterSeconds) * time.Second}
	for _, f := range w.Fields {
		index.Fields = append(index.Fields, driver.IndexField(f))
	}
	if index.Partial, err = a.document("partialFilter", w.PartialFilter); err != nil {
		return index, err
	}
	index.Collation, err = a.document("collation", w.Collation)
	return index, err
}

func dropIndex(ctx context.Context, a *API, call *Call, req *wire.DropIndexRequest) (*wire.Empty, error) {
	s, err := a.session(call, "")
	if err != nil {
		return nil, err
	}
	return &wire.Empty{}, s.DropIndex(ctx, req.Collection, req.Name)
}
