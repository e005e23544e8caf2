package objects

import "github.com/bailiwick-dev/bailiwick/tenant/fingerprint"

// The fingerprint's kinds.
const (
	kindTable       fingerprint.Kind = "table"
	kindForeign     fingerprint.Kind = "foreign table"
	kindColumn      fingerprint.Kind = "column"
	kindSequence    fingerprint.Kind = "sequence"
	kindIndex       fingerprint.Kind = "index"
	kindConstraint  fingerprint.Kind = "constraint"
	kindView        fingerprint.Kind = "view"
	kindMatView     fingerprint.Kind = "materialized view"
	kindFunction    fingerprint.Kind = "function"
	kindProcedure   fingerprint.Kind = "procedure"
	kindAggregate   fingerprint.Kind = "aggregate"
	kindTrigger     fingerprint.Kind = "trigger"
	kindPolicy      fingerprint.Kind = "policy"
	kindRule        fingerprint.Kind = "rule"
	kindEnum        fingerprint.Kind = "enum"
	kindDomain      fingerprint.Kind = "domain"
	kindType        fingerprint.Kind = "type"
	kindRange       fingerprint.Kind = "range"
	kindStatistics  fingerprint.Kind = "statistics"
	kindCollation   fingerprint.Kind = "collation"
	kindOperator    fingerprint.Kind = "operator"
	kindCast        fingerprint.Kind = "cast"
	kindTSConfig    fingerprint.Kind = "text search configuration"
	kindTSDict      fingerprint.Kind = "text search dictionary"
	kindConversion  fingerprint.Kind = "conversion"
	kindExtension   fingerprint.Kind = "extension"
	kindPublication fingerprint.Kind = "publication"
	kindComment     fingerprint.Kind = "comment"
	kindLabel       fingerprint.Kind = "security label"
	kindOwner       fingerprint.Kind = "owner"
	kindPrivilege   fingerprint.Kind = "privilege"
	kindDefaults    fingerprint.Kind = "default privilege"

	// What only comments, owners and privileges are about.
	kindSchema           fingerprint.Kind = "schema"
	kindDomainConstraint fingerprint.Kind = "domain constraint"
)

// order is that in which objects are made; they are dropped the other way round.
// Owners come before privileges, which depend on them.
var order = []fingerprint.Kind{
	kindExtension, kindCollation, kindEnum, kindDomain, kindType, kindRange, kindSequence, kindTable, kindForeign, kindColumn,
	kindFunction, kindProcedure, kindAggregate, kindOperator, kindCast, kindTSDict, kindTSConfig, kindConversion,
	kindIndex, kindConstraint, kindView, kindMatView, kindStatistics, kindTrigger, kindRule, kindPolicy, kindPublication,
	kindOwner, kindPrivilege, kindDefaults, kindComment, kindLabel,
}

// way says how objects of one kind are made, altered and dropped.
type way struct {
	create, drop func(*schemas, object) []string
	// holds tells that objects hold rows or values, so that they are altered or
	// nothing.
	holds bool
	// alter leads from the first object to the second. Nil, or a change without
	// statements and without a refusal, stand for dropping and creating.
	alter func(s *schemas, from, to object) Change
	// finish, if not nil, is what making the object needs once the others are
	// there.
	finish func(*schemas, object) []string
	// refuse, if not nil, says why an object can't be made.
	refuse func(*schemas, object) string
}

var ways = map[fingerprint.Kind]way{
	kindTable:       {holds: true, create: createTable, drop: dropTable, alter: alterTable, finish: finishTable},
	kindForeign:     {holds: true, drop: dropNamed, refuse: refuseForeign},
	kindColumn:      {holds: true, create: createColumn, drop: dropColumn, alter: alterColumn, finish: finishColumn},
	kindSequence:    {holds: true, create: createSequence, drop: dropSequence, alter: alterSequence, finish: finishSequence},
	kindIndex:       {create: createIndex, drop: dropIndex, alter: alterIndex, refuse: refuseIndex},
	kindConstraint:  {create: createStatements, drop: dropConstraint, alter: alterConstraint, refuse: refuseConstraint},
	kindView:        {create: createWhole, drop: dropNamed, alter: alterView},
	kindMatView:     {create: createWhole, drop: dropNamed, alter: alterMatView},
	kindFunction:    {create: createRoutine, drop: dropRoutine, alter: alterRoutine},
	kindProcedure:   {create: createRoutine, drop: dropRoutine, alter: alterRoutine},
	kindAggregate:   {create: createAggregate, drop: dropRoutine, alter: alterAggregate},
	kindTrigger:     {create: createStatements, drop: dropOfTable, alter: alterFiring},
	kindRule:        {create: createStatements, drop: dropOfTable, alter: alterFiring},
	kindPolicy:      {create: createPolicy, drop: dropOfTable, alter: alterPolicy},
	kindEnum:        {create: createEnum, drop: dropType, alter: alterEnum},
	kindDomain:      {create: createDomain, drop: dropNamed, alter: alterDomain},
	kindType:        {create: createType, drop: dropType, alter: alterType},
	kindRange:       {create: createRange, drop: dropType},
	kindStatistics:  {create: createStatements, drop: dropNamed, alter: alterStatistics},
	kindCollation:   {create: createCollation, drop: dropNamed},
	kindOperator:    {create: createOperator, drop: dropNamed, alter: alterOperator},
	kindCast:        {create: createCast, drop: dropCast},
	kindTSConfig:    {create: createTSConfig, drop: dropNamed},
	kindTSDict:      {create: createTSDict, drop: dropNamed, alter: alterTSDict},
	kindConversion:  {create: createConversion, drop: dropNamed},
	kindExtension:   {create: createExtension, drop: dropNamed, alter: alterExtension},
	kindPublication: {drop: dropPublication, refuse: refusePublication},
	kindComment:     {create: createComment, drop: dropComment, alter: alterComment},
	kindLabel:       {create: createLabel, drop: dropLabel, alter: alterLabel},
	kindOwner:       {create: createOwner, drop: dropOwner, alter: alterOwner},
	kindPrivilege:   {create: createPrivilege, drop: dropPrivilege, alter: alterPrivilege},
	kindDefaults:    {create: createDefaults, drop: dropDefaults, alter: alterDefaults},
}
