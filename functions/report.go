package functions

import (
	"context"
	"slices"

	"yunduo"
	"yunduo/data/documents"
	"yunduo/data/documents/driver"
	"yunduo/functions/bundle"
)

// Report tells what a version holds and lacks, and what is known against its packages.
type Report struct {
	Function string
	Version  int64
	Mode     bundle.Mode
	Size     int64 // bytes of code and files
	bundle.Report
	// Audit is empty, with a reason, for versions that were made before there were reports.
	Audit bundle.Audit
}

// reportRecord is the part of a report that was learned when the version was made.
type reportRecord struct {
	ID       string        `bson:"_id"` // app/name/number
	App      yunduo.AppID  `bson:"app"`
	Function string        `bson:"function"`
	Report   bundle.Report `bson:"report"`
}

// reportedPackages bounds how many packages of a version are kept, the biggest; nobody reads more.
const reportedPackages = 3000

func openReports(db *documents.DB) *documents.Records[reportRecord] {
	return documents.NewRecords[reportRecord](db, "function_reports", documents.RecordOptions{
		Indexes: []driver.Index{{Name: "function", Fields: []driver.IndexField{{Path: "app"}, {Path: "function"}}}},
	})
}

// keepReport remembers what was learned of a version while it was made.
func (s *Service) keepReport(ctx context.Context, v *versionRecord, r bundle.Report) error {
	r.Packages = r.Packages[:min(len(r.Packages), reportedPackages)]
	id := versionID(v.App, v.Function, v.Number)
	return s.reports.Put(ctx, id, reportRecord{ID: id, App: v.App, Function: v.Function, Report: r})
}

// Report tells the owner how big a version is, which packages make it so, which modules its code requires in vain, and
// which of its packages have known vulnerabilities as far as the package registry says, which may take seconds the first
// time. Version 0 is the live one. Errors: permission_denied, function_not_found, version_not_found.
func (s *Service) Report(ctx context.Context, caller yunduo.Caller, app yunduo.AppID, name string, number int64) (Report, error) {
	if err := manage(caller, app); err != nil {
		return Report{}, err
	}
	if number == 0 {
		record, err := s.function(ctx, app, name)
		if err != nil {
			return Report{}, err
		}
		number = record.Live
	}
	v, err := s.version(ctx, app, name, number)
	if err != nil {
		return Report{}, err
	}
	r := Report{Function: name, Version: v.Number, Mode: v.Mode, Size: v.Size}
	known, err := s.reports.Get(ctx, versionID(app, name, number))
	switch yunduo.ReasonOf(err) {
	case "":
	case yunduo.ReasonDocumentNotFound:
		r.Audit = bundle.Audit{Unchecked: "nothing is known of the packages of this version; deploy it again", At: s.options.Now()}
		return r, nil
	default:
		return Report{}, err
	}
	r.Report = known.Report
	r.Audit = s.builder.Audit(ctx, slices.Clone(r.Packages))
	return r, nil
}
