package documents

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"strconv"

	"go.mongodb.org/mongo-driver/v2/bson"

	"yunduo"
	"yunduo/data/documents/driver"
	"yunduo/data/query"
)

// ImportMode says what an import does with a document whose _id is taken.
type ImportMode string

// The modes.
const (
	ImportInsert  ImportMode = "insert"  // reject it, unless the stored document is the same
	ImportUpsert  ImportMode = "upsert"  // set its fields on the stored document
	ImportReplace ImportMode = "replace" // store it in the place of that document
)

const (
	importBatch      = 500     // documents that are written at once
	importBytes      = 4 << 20 // and their bytes
	importRejections = 1000    // that a report lists
)

// ImportOptions configure an import.
type ImportOptions struct {
	Mode ImportMode // empty is ImportInsert
	// Source names the file. Documents without an _id get one made of it and their number, so that importing the same
	// file again, after it was cut off, makes no second copies. Empty gives them random ones.
	Source string
}

// ImportReport says what an import did.
type ImportReport struct {
	Inserted  int64
	Updated   int64 // by ImportUpsert and ImportReplace
	Unchanged int64 // were there already, the same
	Rejected  int64
	// Rejections lists the first thousand of the rejected documents.
	Rejections []Rejection
}

// Read is how many documents the import has dealt with.
func (r *ImportReport) Read() int64 { return r.Inserted + r.Updated + r.Unchanged + r.Rejected }

// Rejection is a document that was not imported.
type Rejection struct {
	Number int64 // line, or how manieth document
	Cause  error
}

// Import brings documents into a collection. Not safe for concurrent use.
type Import struct {
	s       *Session
	ns      driver.Namespace
	options ImportOptions
	report  ImportReport
	pending []imported
	bytes   int
}

type imported struct {
	number int64
	id     bson.RawValue
	doc    bson.Raw // with the _id in front
}

// NewImport begins an import into a collection, which is made if it is missing. Only who manages the app may. Reasons:
// permission_denied, invalid_collection_name, invalid_request.
func (s *Session) NewImport(ctx context.Context, collection string, o ImportOptions) (*Import, error) {
	if err := s.manages("import documents"); err != nil {
		return nil, err
	}
	ns, err := s.namespace(collection)
	if err != nil {
		return nil, err
	}
	switch o.Mode {
	case "":
		o.Mode = ImportInsert
	case ImportInsert, ImportUpsert, ImportReplace:
	default:
		return nil, yunduo.Errorf(yunduo.ReasonInvalidRequest, "mode: %.20q is not one of insert, upsert, replace", string(o.Mode))
	}
	if err := s.CreateCollection(ctx, collection); err != nil && yunduo.ReasonOf(err) != yunduo.ReasonCollectionExists {
		return nil, err
	}
	return &Import{s: s, ns: ns, options: o}, nil
}

// Add takes a document. What is wrong with it goes to the report; an error means that the import cannot go on.
func (i *Import) Add(ctx context.Context, number int64, doc bson.Raw) error {
	form := shape{limit: i.s.db.options.MaxDocumentBytes}
	if err := form.check(doc, yunduo.ReasonInvalidDocument, "document"); err != nil {
		i.Reject(number, err)
		return nil
	}
	if i.options.Source != "" {
		if _, err := doc.LookupErr("_id"); err != nil {
			doc = withID(doc, i.sourceID(number))
		}
	}
	doc, id, err := stamp(doc, "", i.s.checkID)
	if err != nil {
		i.Reject(number, err)
		return nil
	}
	i.pending = append(i.pending, imported{number: number, id: id, doc: doc})
	i.bytes += len(doc)
	if len(i.pending) < importBatch && i.bytes < importBytes {
		return nil
	}
	return i.flush(ctx)
}

// sourceID makes an _id of the place of a document in its file.
func (i *Import) sourceID(number int64) bson.RawValue {
	sum := sha256.Sum256([]byte(i.ns.Collection + "\x00" + i.options.Source + "\x00" + strconv.FormatInt(number, 10)))
	return stringValue(hex.EncodeToString(sum[:16]))
}

// Reject notes a document that could not even be read.
func (i *Import) Reject(number int64, cause error) {
	i.report.Rejected++
	if len(i.report.Rejections) < importRejections {
		i.report.Rejections = append(i.report.Rejections, Rejection{Number: number, Cause: cause})
	}
}

// Finish writes what is left and returns the report, also when it fails.
func (i *Import) Finish(ctx context.Context) (ImportReport, error) {
	err := i.flush(ctx)
	return i.report, err
}

// Report says what was done so far.
func (i *Import) Report() ImportReport { return i.report }

// flush writes the pending documents: all at once, or one by one when one of them is in the way.
func (i *Import) flush(ctx context.Context) error {
	batch := i.pending
	i.pending, i.bytes = nil, 0
	if len(batch) == 0 {
		return nil
	}
	var err error
	if i.options.Mode == ImportInsert {
		if batch, err = i.withoutKnown(ctx, batch); err != nil {
			return err
		}
	}
	counts := i.report
	err = i.s.Transact(ctx, func(tx *Session) error {
		i.report = counts // of an attempt that came to nothing
		return i.write(ctx, tx, batch)
	})
	if err == nil {
		return nil
	}
	i.report = counts
	if fatal(ctx, err) {
		return err
	}
	for _, one := range batch {
		if err := i.write(ctx, i.s, []imported{one}); err != nil {
			if fatal(ctx, err) {
				return err
			}
			i.Reject(one.number, err)
		}
	}
	return nil
}

// fatal reports whether an error is not about the document that was written.
func fatal(ctx context.Context, err error) bool {
	if ctx.Err() != nil {
		return true
	}
	switch yunduo.ReasonOf(err) {
	case yunduo.ReasonDuplicateKey, yunduo.ReasonInvalidDocument, yunduo.ReasonDocumentTooLarge, yunduo.ReasonTransactionConflict,
		yunduo.ReasonTransactionTooLarge, yunduo.ReasonInvalidIndex, yunduo.ReasonUpdateNotApplicable, yunduo.ReasonInvalidUpdate:
		return false
	}
	return true
}

// withoutKnown takes out the documents whose _id is taken: those that are stored as they are count as unchanged, the
// others are rejected.
func (i *Import) withoutKnown(ctx context.Context, batch []imported) ([]imported, error) {
	ids := bson.A{}
	for _, d := range batch {
		ids = append(ids, d.id)
	}
	filter, err := parseD(bson.D{{Key: "_id", Value: bson.D{{Key: "$in", Value: ids}}}}, query.ParseFilter)
	if err != nil {
		return nil, err
	}
	cursor, err := i.s.db.engine.Find(ctx, i.ns, driver.Find{Filter: filter})
	if err != nil {
		return nil, err
	}
	found, err := All(ctx, cursor)
	if err != nil {
		return nil, err
	}
	if len(found) == 0 {
		return batch, nil
	}
	known := map[string]bson.Raw{}
	for _, doc := range found {
		known[idText(doc.Lookup("_id"))] = doc
	}
	var rest []imported
	for _, d := range batch {
		stored, ok := known[idText(d.id)]
		switch {
		case !ok:
			rest = append(rest, d)
		case bytes.Equal(stored, d.doc):
			i.report.Unchanged++
		default:
			i.Reject(d.number, yunduo.Errorf(yunduo.ReasonDuplicateKey, "another document has the same _id"))
		}
	}
	return rest, nil
}

// idText tells _ids apart. Numbers that are equal and of different types are left to the engine.
func idText(id bson.RawValue) string { return string(byte(id.Type)) + string(id.Value) }

// write stores documents by a session that may be inside a transaction.
func (i *Import) write(ctx context.Context, s *Session, batch []imported) error {
	if len(batch) == 0 {
		return nil
	}
	if i.options.Mode == ImportInsert {
		docs := make([]bson.Raw, len(batch))
		for n, d := range batch {
			docs[n] = d.doc
		}
		_, err := s.Insert(ctx, i.ns.Collection, docs)
		if err == nil {
			i.report.Inserted += int64(len(docs))
		}
		return err
	}
	for _, d := range batch {
		change := d.doc
		if i.options.Mode == ImportUpsert {
			change = setAll(d.doc)
		}
		result, err := s.Update(ctx, i.ns.Collection, Update{Filter: idFilter(d.id), Change: change, Upsert: true})
		switch {
		case err != nil:
			return err
		case result.UpsertedID.Type != 0:
			i.report.Inserted++
		case result.Modified > 0:
			i.report.Updated++
		default:
			i.report.Unchanged++
		}
	}
	return nil
}

// setAll is the update that sets all fields of a document but the _id. Names with dots are fields of their own here, so
// such a document is set by replacing it.
func setAll(doc bson.Raw) bson.Raw {
	elements, _ := doc.Elements() // it was checked
	fields := bson.D{}
	for _, e := range elements {
		if key := e.Key(); key != "_id" {
			if key == "" || bytes.ContainsRune([]byte(key), '.') {
				return doc
			}
			fields = append(fields, bson.E{Key: key, Value: e.Value()})
		}
	}
	if len(fields) == 0 {
		fields = bson.D{{Key: "_id", Value: doc.Lookup("_id")}}
		change, _ := bson.Marshal(bson.D{{Key: "$setOnInsert", Value: fields}})
		return change
	}
	change, _ := bson.Marshal(bson.D{{Key: "$set", Value: fields}}) // raw values can be encoded
	return change
}
