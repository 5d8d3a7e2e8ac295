package expr

import (
	"yunduo"
	"yunduo/data/query/language"
)

// failureCodes are MongoDB's numbers for what an operator cannot be computed from: values of a wrong type, unless its
// code gives a more exact one. Those that are missing here have that of the reason.
var failureCodes = map[string]int{
	"$add": language.TypeMismatch, "$subtract": language.TypeMismatch, "$multiply": language.TypeMismatch, "$divide": language.TypeMismatch,
	"$mod": 16611, "$abs": 28765, "$ceil": 28765, "$floor": 28765, "$exp": 28765, "$ln": 28765, "$log10": 28765, "$sqrt": 28765,
	"$log": 28756, "$pow": 28762, "$round": 51081, "$trunc": 51081,

	"$toInt": language.ConversionFailure, "$toLong": language.ConversionFailure, "$toDouble": language.ConversionFailure,
	"$toDecimal": language.ConversionFailure, "$toString": language.ConversionFailure, "$toObjectId": language.ConversionFailure,
	"$toDate": language.ConversionFailure, "$toBool": language.ConversionFailure, "$convert": language.ConversionFailure,
	"$dateFromString": language.ConversionFailure,

	"$arrayElemAt": 28689, "$first": 28689, "$last": 28689, "$concatArrays": 28664, "$in": 40081, "$indexOfArray": 40090,
	"$reverseArray": 34435, "$size": 17124, "$slice": 28724, "$filter": 28651, "$map": 16883, "$reduce": 40080, "$zip": 34468,
	"$sortArray": 2942504, "$arrayToObject": 40386, "$objectToArray": 40390, "$mergeObjects": 40400, "$setField": 4161105,
	"$unsetField": 4161105, "$bsonSize": 31393, "$binarySize": 51276,

	"$setUnion": 17043, "$setIntersection": 17047, "$setDifference": 17048, "$setEquals": 17044, "$setIsSubset": 17046,
	"$allElementsTrue": 17040, "$anyElementTrue": 17041,

	"$concat": 16702, "$split": 40085, "$strLenCP": 34471, "$strLenBytes": 34473, "$trim": 50699, "$ltrim": 50699, "$rtrim": 50699,
	"$switch": 40066,

	"$year": dateCode, "$month": dateCode, "$week": dateCode, "$dayOfMonth": dateCode, "$dayOfWeek": dateCode, "$dayOfYear": dateCode,
	"$hour": dateCode, "$minute": dateCode, "$second": dateCode, "$millisecond": dateCode, "$isoDayOfWeek": dateCode, "$isoWeek": dateCode,
	"$isoWeekYear": dateCode, "$dateToParts": dateCode, "$dateToString": dateCode,
	"$dateAdd": 5166403, "$dateDiff": 5166307, "$dateTrunc": 5439012,
}

// domainCodes are those of numbers outside of what a function is defined for.
var domainCodes = map[string]int{
	"$sqrt": 28714, "$ln": 28766, "$log10": 28761, "$acos": 50989, "$asin": 50989, "$atanh": 50989, "$acosh": 50989,
	"$cos": 50989, "$sin": 50989, "$tan": 50989,
}

// The numbers of failures that operators share.
const (
	dateCode        = 16006 // a value is no date
	zoneTypeCode    = 40517 // a time zone is no string
	unknownZoneCode = 40485 // there is no such time zone
)

// failed says why an operator cannot be computed.
func failed(op, format string, args ...any) error {
	return failedAs(failureCodes[op], op, format, args...)
}

// failedAs is failed for a failure that has a number of its own; 0 is that of the reason.
func failedAs(code int, op, format string, args ...any) error {
	err := yunduo.Errorf(yunduo.ReasonExpressionFailed, op+": "+format, args...)
	if code != 0 {
		err = err.WithMongoCode(code)
	}
	return err
}
