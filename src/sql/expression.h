// The syntax tree of an expression: what was written, before any name or type is known.
//
// Nodes are values whose children are shared and never change. A child pointer is never null unless
// its comment says so. Names are as written (without backticks); compare them ignoring ASCII case.
// Trees are at most kDepthMax nodes deep.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/type.h"
#include "sql/sql.h"

namespace ticklake::sql {

inline constexpr int kDepthMax = 400;

struct Expression;
using ExpressionPtr = std::shared_ptr<const Expression>;
using QueryPtr = std::shared_ptr<const Query>;

// NULL, true, 1L, 1.50, 1e3, 'text', DATE '..', TIMESTAMP '..', TIMESTAMP_NTZ '..', X'1F'. The type
// is Spark's: 1 is INT, 3000000000 BIGINT, 1.50 DECIMAL(3,2), 1e3 DOUBLE.
struct Literal {
  Type type;
  // digits with sign ("-1.50", "1e3"); the text of a String; the bytes of a Binary; else as Spark
  // prints
  std::string text;
  // Boolean: 0 or 1; integral types; Date: days; Timestamp and TimestampNtz: micros
  int64_t value = 0;
};

enum class IntervalUnit : uint8_t { Year, Month, Day, Hour, Minute, Second };
struct IntervalLiteral {
  int32_t months = 0;  // of a year-month interval (first is Year or Month), whose micros are 0
  int64_t micros = 0;  // of a day-time interval
  IntervalUnit first = IntervalUnit::Second;
  IntervalUnit last = IntervalUnit::Second;
};

// a, t.a, db.t.a, t.struct.field: which part is what, only names tell.
struct ColumnReference {
  std::vector<std::string> parts;
};

struct Star {
  std::vector<std::string> qualifier;            // of t.*; else empty
  std::vector<std::vector<std::string>> except;  // of * EXCEPT (a, b.c)
};

struct Unary {
  enum class Op : uint8_t { Minus, Plus, BitNot, Not };
  Op op;
  ExpressionPtr operand;
};

struct Binary {
  enum class Op : uint8_t {
    Add, Subtract, Multiply, Divide, Modulo, IntegerDivide, Concat,
    BitAnd, BitOr, BitXor, ShiftLeft, ShiftRight, ShiftRightUnsigned,
    Equal, NotEqual, NullSafeEqual, Less, LessEqual, Greater, GreaterEqual, And, Or,
  };
  Op op;
  ExpressionPtr left;
  ExpressionPtr right;
};

struct IsTest {  // IS [NOT] NULL | TRUE | FALSE | UNKNOWN
  enum class What : uint8_t { Null, True, False, Unknown };
  What what;
  bool negated;
  ExpressionPtr operand;
};

struct IsDistinct {  // left IS [NOT] DISTINCT FROM right
  bool negated;
  ExpressionPtr left;
  ExpressionPtr right;
};

struct Between {
  bool negated;
  ExpressionPtr operand;
  ExpressionPtr low;
  ExpressionPtr high;
};

struct InList {
  bool negated;
  ExpressionPtr operand;
  std::vector<ExpressionPtr> list;  // at least one
};

struct InSubquery {
  bool negated;
  ExpressionPtr operand;
  QueryPtr query;
};

struct Exists {  // NOT EXISTS is Unary Not over it
  QueryPtr query;
};

struct ScalarSubquery {
  QueryPtr query;
};

struct Like {
  enum class Op : uint8_t { Like, ILike, RLike };
  Op op;
  bool negated;
  ExpressionPtr operand;
  ExpressionPtr pattern;
  std::string escape = "\\";  // one character; RLike has none
};

struct Case {
  struct When {
    ExpressionPtr condition;  // with an operand: the value it is compared with
    ExpressionPtr result;
  };
  ExpressionPtr operand;  // null in CASE WHEN ..
  std::vector<When> whens;
  ExpressionPtr otherwise;  // null without ELSE
};

struct Cast {  // CAST(e AS t), e::t, TRY_CAST(e AS t)
  bool is_try;
  ExpressionPtr operand;
  Type type;
};

struct Extract {
  std::string field;  // upper case: "YEAR"
  ExpressionPtr operand;
  std::string written = {};  // the field as written
};

struct Trim {  // TRIM([BOTH | LEADING | TRAILING] [characters] FROM operand); trim(s) is a Call
  enum class Side : uint8_t { Both, Leading, Trailing };
  Side side;
  ExpressionPtr characters;  // null: blanks
  ExpressionPtr operand;
};

struct SortItem {
  ExpressionPtr expression;
  bool descending = false;
  // as given, or by default first where ascending and last where descending
  bool nulls_first = true;
};

struct FrameBound {
  enum class Kind : uint8_t {
    UnboundedPreceding, Preceding, CurrentRow, Following, UnboundedFollowing,
  };
  Kind kind;
  ExpressionPtr offset;  // null but for Preceding and Following
};

struct WindowFrame {
  enum class Unit : uint8_t { Rows, Range };
  Unit unit;
  FrameBound start;
  FrameBound end;
};

struct WindowSpec {
  std::string name;  // OVER w: the rest is empty
  std::vector<ExpressionPtr> partition_by;
  std::vector<SortItem> order_by;
  std::optional<WindowFrame> frame;
  Position position;
};

struct Argument {
  std::string name;  // of name => value; else empty
  ExpressionPtr value;
  Position position;
};

// count(*) has a Star as its argument. SUBSTRING(x FROM a FOR b) and POSITION(a IN b), OVERLAY(a
// PLACING b FROM c FOR d) are plain calls with their arguments in that order; dateadd(DAY, n, t)
// and its kin have a String literal "DAY" first; CURRENT_DATE and the like without parentheses are
// calls without arguments; (a, b) is struct(a, b); x LIKE ANY (a, b) is an OR of LIKEs.
struct Call {
  enum class Nulls : uint8_t { Unsaid, Ignore, Respect };
  std::string name;  // as written; a qualified name has its dots
  std::vector<Argument> arguments;
  bool distinct = false;
  std::vector<SortItem> within = {};  // WITHIN GROUP (ORDER BY ..)
  ExpressionPtr filter = nullptr;     // null without FILTER (WHERE ..)
  Nulls nulls = Nulls::Unsaid;     // IGNORE NULLS | RESPECT NULLS
  std::optional<WindowSpec> over = std::nullopt;
  bool row = false;  // (a, b)
};

struct FieldAccess {  // e.field where e is not itself a name: f(x).a, a[0].b
  ExpressionPtr operand;
  std::string field;
};

struct Subscript {  // e[index]
  ExpressionPtr operand;
  ExpressionPtr index;
};

struct Lambda {  // x -> body
  std::vector<std::string> parameters;
  ExpressionPtr body;
};

struct Alias {  // e AS name, only in struct(..) and (a AS x, b)
  ExpressionPtr operand;
  std::string name;
};

struct Expression {
  Position position;  // of its first character; of an infix operator's expression: of the operator
  std::variant<Literal, IntervalLiteral, ColumnReference, Star, Unary, Binary, IsTest, IsDistinct,
               Between, InList, InSubquery, Exists, ScalarSubquery, Like, Case, Cast, Extract, Trim,
               Call, FieldAccess, Subscript, Lambda, Alias>
      node;
  int depth = 1;  // nodes on the longest way down, subqueries included
};

// What only the analysis of an expression tells about its text.
struct Texts {
  // of nodes in it; {0} and {1} stand for the texts of the two operands of an operator
  std::map<const Expression*, std::string> patterns;
  std::map<const Expression*, const WindowSpec*> windows;  // of calls with OVER name
};

// Spark's text of an expression, from which unaliased columns are named: "count(1)", "(a + b)",
// "CAST(a AS INT)".
std::string to_text(const Expression& expression, const Texts& texts = {});
// Spark's name of a column without an alias: "b" for a.b, "a" for CAST(a AS INT), else to_text().
std::string default_name(const Expression& expression, const Texts& texts = {});
std::string to_text(const IntervalLiteral& interval);  // "INTERVAL '10' SECOND"

}  // namespace ticklake::sql
