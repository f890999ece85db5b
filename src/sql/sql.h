// Spark SQL as ticklake accepts it: text -> statements -> plans that DuckDB executes.
//
//   parse()    text to statements; every refusal names file:line:column, what was found and what
//   would do analyze()  names, Spark types, coercions (ANSI mode, as Spark 4's default), and the
//   printed DuckDB SQL
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "model/registered_schema.h"
#include "model/type.h"
#include "sql/table_stream.h"

namespace ticklake::sql {

struct Position {
  int line = 1;    // the first is 1
  int column = 1;  // in characters, the first is 1
};

struct Query;   // sql/ast.h; others only pass it on
struct Change;  // sql/change_tree.h; likewise

struct Expectation {
  enum class OnViolation : uint8_t { Keep, DropRow, FailUpdate };
  std::string name;
  std::string text;  // the condition as written
  OnViolation on_violation = OnViolation::Keep;
  Position position;
  std::shared_ptr<const struct Expression> condition;
};

struct ColumnDefinition {
  std::string name;
  std::optional<Type> type;
  bool nullable = true;
  std::string comment;
  Position position;
};

// What the rows of a query become where several queries fill one table.
struct Fitting {
  // The columns of the UNION ALL that the query is of: by position, widened to their types.
  std::optional<Schema> united = {};
  // The columns of the table, as INSERT stores them: by name, or by position.
  std::optional<Schema> table = {};
  bool by_name = true;
  std::string table_file = {};  // where expectations stand; "": in the statement's own
};

struct Statement {
  // Flow: CREATE FLOW name AS INSERT INTO or AUTO CDC INTO target.
  enum class Kind : uint8_t {
    StreamingTable,
    MaterializedView,
    TemporaryView,
    Flow,
    Query,
    Change,  // DELETE, UPDATE, MERGE, INSERT, ALTER TABLE
  };
  Kind kind;
  std::vector<std::string> name;  // one to three parts
  std::vector<std::string> target = {};  // Flow: the table that it fills
  Position target_position = {};
  std::string file;
  Position position;
  bool if_not_exists = false;
  std::vector<ColumnDefinition> columns;  // as listed; empty: those of the query
  std::vector<Expectation> expectations;
  std::string comment;
  std::vector<std::string> partition_columns;
  std::map<std::string, std::string> properties;  // TBLPROPERTIES
  // A streaming table with neither this nor `cdc` is filled by flows.
  std::shared_ptr<const Query> query;
  std::shared_ptr<const struct AutoCdc> cdc = {};
  std::shared_ptr<const struct Change> change = {};  // of kind Change
  bool by_name = false;  // INSERT .. BY NAME, of a flow or of a table's own FLOW
  bool once = false;     // INSERT ONCE: the query reads whole tables, and runs once
  Fitting fitting;       // parse() leaves it empty
  std::string text;  // of the statement, as written
};

// All statements of a file, separated by ';'. `file` is for messages.
Result<std::vector<Statement>> parse(const std::string& text, const std::string& file);

// What a name in FROM stands for.
struct Relation {
  std::string name;  // canonical: catalog.database.table
  Schema schema;
  std::shared_ptr<const Statement> view;  // a temporary view: expanded in place
};

// Answers what columns read_files() gives: its path is the argument "path", the others are as
// written. A last column _metadata is hidden from *.
using FileColumns = std::function<Result<Schema>(
    const std::map<std::string, std::string>& arguments, bool streaming)>;

// A call of from_json, from_avro, to_avro: the SQL calls it as ticklake_payload_<id>(payload, row),
// to_avro as ticklake_payload_<id>(value).
struct PayloadFunction {
  enum class Form : uint8_t { FromJson, FromAvro, ToAvro };
  std::string id = {};
  Form form = Form::FromJson;
  Type type = {};                // of the values
  RegisteredSchema schema = {};  // Avro: theirs
  SchemasById writers = {};      // set: payloads are framed, by schemas of this registry
  std::string registry = {};     // its name, for telling such functions apart
  bool fail_fast = false;        // a payload that cannot be read is an error, not NULL
};
bool same(const PayloadFunction& a, const PayloadFunction& b);  // but for the id

// What a call of from_json, from_avro or to_avro asks for beyond the types of its arguments.
struct PayloadRequest {
  PayloadFunction::Form form = PayloadFunction::Form::FromAvro;
  std::optional<std::string> schema = {};  // as written
  std::map<std::string, std::string> options = {};  // names in lower case; `subject` among them
  Type type = {};  // ToAvro: of the values
};
// Whether the options say that payloads are framed by a registry.
bool wants_registry(const std::map<std::string, std::string>& options);
// Answers it, but for the id. Of FromJson only those that want a registry are asked.
using PayloadFunctions = std::function<Result<PayloadFunction>(const PayloadRequest& request)>;

// Answers for a name of one to three parts; nothing where it is unknown. `candidates` feed
// suggestions.
struct Catalog {
  std::function<std::optional<Relation>(const std::vector<std::string>& name)> find;
  std::vector<std::string> candidates;
  FileColumns file_columns = {};  // unset: read_files() is refused
  PayloadFunctions payload_functions = {};  // unset: Avro and registries are refused
};

// column <op> literal, which every result row's input row must meet; for file pruning. Literal as a
// partition value.
struct Conjunct {
  enum class Op : uint8_t { Equal, Less, LessEqual, Greater, GreaterEqual, IsNull, IsNotNull };
  std::string column;
  Op op;
  std::string literal;
};

// A FROM item that reads stored data. In the plan's SQL it is ticklake_input('<id>').
struct PlanInput {
  std::string id;  // "i0", "i1", ...
  bool streaming = false;
  std::string table;  // canonical name; empty for read_kafka and read_files
  std::map<std::string, std::string>
      kafka;                         // arguments of read_kafka, names as Databricks spells them
  std::map<std::string, std::string> files;  // arguments of read_files, see FileColumns
  Schema schema;                     // all columns of the table
  std::vector<std::string> columns;  // those the query uses
  std::vector<Conjunct> conjuncts;
  TableStream stream = {};
  std::optional<int64_t> version;        // VERSION AS OF
  std::optional<std::string> timestamp;  // TIMESTAMP AS OF, as text
  Position position;
  // Of what a stream is joined with and is more than a table as it stands: its rows are those of
  // this SQL over the inputs that are `within` this one.
  std::string query = {};
  std::string within = {};  // "": the plan's own SQL reads this input
};

// A streaming aggregation over time windows in append mode, in three statements over each other's
// rows. partial: the streaming input -> one row a (window, keys); merge: rows of `partial_schema`
// -> the same, one row a (window, keys); final: merged rows -> output. Where some aggregate does
// not decompose, partial keeps its input rows and merge changes nothing, but that rows of one
// session come to have its bounds. First column of partial rows: window_end TIMESTAMP; second: rows
// BIGINT (input rows); of sessions, as third, window_start TIMESTAMP. partial knows no session but
// each row's own.
struct Windowed {
  std::string partial_sql;  // reads ticklake_input('<streaming input>')
  std::string merge_sql;    // reads ticklake_input('partial')
  std::string final_sql;    // reads ticklake_input('partial'), whose rows are merged
  std::string
      watermark_sql;  // max event time of the streaming input's rows, TIMESTAMP or NULL; one row
  // Each row and window: window_end TIMESTAMP, row BIGINT (its "__row"), window_start TIMESTAMP.
  std::string late_sql;  // reads the streaming input
  Schema partial_schema;
  int64_t delay_us = 0;
  int64_t window_us = 0;  // 0: sessions
  int64_t slide_us = 0;   // of tumbling windows window_us
  std::string event_time_column;  // of the streaming input, where it is a plain column; else ""
};

struct Plan {
  Schema output;           // visible columns, Spark types, names as Spark gives them
  std::string duckdb_sql;  // for a windowed plan: final_sql
  std::vector<PlanInput> inputs;  // the streaming one comes first
  std::vector<PayloadFunction> payload_functions;
  bool streaming = false;  // has a streaming input; the others are tables that it is joined with
  // Hidden columns after the visible ones, only where the statement is a streaming table: BIGINT
  // row number of the input row ("__row"; not in windowed plans), then for each expectation BOOLEAN
  // "__expect_<i>" (true: met, NULL: a violation).
  bool has_row = false;
  int expectations = 0;
  // Of a statement that only picks and renames columns of its one stream: for each output column
  // the input's. BINARY picked as STRING is the same bytes where they are UTF-8; what becomes of
  // others only the SQL tells. Empty: the statement does more.
  std::vector<std::string> picked = {};
  std::optional<Windowed> windowed;
};

struct AnalyzeOptions {
  std::string file;           // for messages
  int64_t now_us = 0;         // current_timestamp() of this update
  bool columns_only = false;  // the plan is for its output: whatever is not about that is let pass
};

// Invalid or Unsupported: "file:line:column: what was found; what to do".
// Streaming tables: exactly one streaming input, whose rows may be joined with those of tables; no
// ORDER BY, LIMIT over it for now.
Result<Plan> analyze(const Statement& statement, const Catalog& catalog,
                     const AnalyzeOptions& options);

// The queries of a UNION ALL as statements of their own, in their order; else the statement itself.
std::vector<Statement> union_branches(const Statement& statement);
// What the columns of those with these outputs are together: names of the first, widened types.
Result<Schema> united_columns(const std::vector<Statement>& branches,
                              const std::vector<Schema>& outputs);
// The columns of a streaming table that flows with these outputs fill: those that it lists, else
// those of all flows, by name (of a flow by position: in their order), with widened types.
Result<Schema> merged_columns(const Statement& table, const std::vector<Statement>& flows,
                              const std::vector<Schema>& outputs);

// The tables that a statement reads, as written, without analysis: for the dependency graph.
struct Reference {
  std::vector<std::string> name;  // empty: read_kafka
  bool streaming = false;
  Position position;
};
std::vector<Reference> references(const Statement& statement);

// Names of all functions, sorted: for docs and suggestions.
std::vector<std::string> function_names();

}  // namespace ticklake::sql

#include "sql/auto_cdc.h"
#include "sql/change.h"
