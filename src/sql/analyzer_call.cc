#include <algorithm>
#include <array>

#include "base/text.h"
#include "sql/analyzer.h"

namespace ticklake::sql {
namespace {

Typed literal_one() {
  Typed out = {.sql = "1", .type = Kind::Integer};
  out.literal = Literal{Kind::Integer, "1", 1};
  return out;
}

// Spark's short name of a type: "bigint", "struct<a:int>".
std::string simple_name(const Type& type) {
  if (!type.is_nested()) return lowered(to_sql(type));
  std::vector<std::string> parts;
  for (const Field& field : *type.children) {
    parts.push_back((type.kind == Kind::Struct ? field.name + ":" : "") + simple_name(field.type));
  }
  std::string name = type.kind == Kind::Struct  ? "struct"
                     : type.kind == Kind::Array ? "array"
                                                : "map";
  return name + "<" + listed(parts, ",") + ">";
}

struct Refusal {
  std::string_view names;  // with a blank around each
  std::string_view advice;
};
constexpr std::array kRefused = {
    Refusal{" rand random randn randstr uniform uuid shuffle monotonically_increasing_id ",
            "its result differs from run to run, so a table could not be made again; xxhash64(..) "
            "of a key spreads rows evenly"},
    Refusal{" json_tuple ", "use get_json_object() for each field, or from_json()"},
    Refusal{" schema_of_json parse_json variant_get to_variant_object try_parse_json ",
            "name the schema in from_json()"},
    Refusal{" from_csv to_csv schema_of_csv ", "use split() and casts, or concat_ws()"},
    Refusal{" to_char to_varchar to_number try_to_number mask sentences ",
            "use format_number(), format_string(), regexp_replace() and casts"},
    Refusal{" histogram_numeric count_min_sketch hll_sketch_agg hll_union_agg hll_sketch_estimate ",
            "use percentile() or approx_count_distinct()"},
    Refusal{" input_file_name input_file_block_start input_file_block_length ",
            "keep the file's name in a column"},
    Refusal{" make_interval make_ym_interval ", "use add_months() or make_dt_interval()"},
    Refusal{" json_object_keys ", "name the fields in from_json()"},
    Refusal{" current_user user session_user current_catalog current_database current_schema "
            "version ",
            "a table must not depend on who makes it; write the value"},
};

}  // namespace

Error Analyzer::unknown_function(const std::string& name, Position position) const {
  std::string key = " " + lowered(name) + " ";
  for (const Refusal& refusal : kRefused) {
    if (refusal.names.find(key) == std::string_view::npos) continue;
    return at(position,
              "the function " + name + "() is not supported: " + std::string(refusal.advice),
              Code::Unsupported);
  }
  std::vector<std::string> names = function_names();
  std::string near = nearest(name, names);
  return at(position,
            "the function " + name + "() is not supported" +
                (near.empty() ? "" : "; did you mean " + near + "()?"),
            Code::Unsupported);
}

Result<Arguments> Analyzer::arguments(const Call& call, Scope& scope) {
  Arguments out;
  for (const Argument& argument : call.arguments) {
    if (!argument.name.empty())
      return at(argument.position, call.name + "() takes no named arguments");
    out.push_back(TRY(expression(*argument.value, scope)));
  }
  return out;
}

Result<Typed> Analyzer::node(const Call& call, const Expression& whole, Scope& scope) {
  std::string name = lowered(call.name);
  if (call.over) return window_call(call, whole, scope);
  if (name == "from_json" || name == "from_avro" || name == "to_avro") {
    return payload_call(call, whole, scope);
  }
  if (name == "struct" || name == "named_struct") return structure(call, whole, scope);
  if (name == "typeof") return type_name(call, whole.position, scope);
  if (name == "arrays_zip") {
    if (call.arguments.empty()) return at(whole.position, "arrays_zip() takes one or more arrays");
    return arrays_zip(call, scope);
  }
  if (name == "window_time") return window_time(call, whole, scope);
  if (name == kSession) {
    return at(whole.position, "session_window() is for GROUP BY", Code::Unsupported);
  }
  if (name == "window") {
    return at(whole.position,
              "window() is for GROUP BY; date_trunc('MINUTE', ts) gives the start of a minute",
              Code::Unsupported);
  }
  if (name == "grouping" || name == "grouping_id") return grouping_call(call, whole, scope);
  if (is_generator(name)) {
    return at(whole.position, name + "() makes rows: it stands alone in a select list, in LATERAL "
                                     "VIEW or in FROM");
  }
  auto with_lambda = TRY(higher_order(call, whole, scope));
  if (with_lambda) return *with_lambda;
  if (is_aggregate(name)) return aggregate_call(call, whole, scope);
  auto window = find_window(name, call.arguments.size());
  if (window) return at(whole.position, name + "() needs OVER (ORDER BY ..)");
  if (window.error().code != Code::NotFound) return located(whole.position, window).error();
  return scalar_call(call, whole, scope);
}

Result<Typed> Analyzer::scalar_call(const Call& call, const Expression& whole, Scope& scope) {
  std::string name = lowered(call.name);
  Position position = whole.position;
  auto function = find_scalar(name, call.arguments.size());
  if (!function && function.error().code == Code::NotFound)
    return unknown_function(call.name, position);
  const ScalarFunction* found = TRY(located(position, function));
  if (call.distinct || call.filter != nullptr || call.nulls != Call::Nulls::Unsaid ||
      !call.within.empty()) {
    return at(position, name + "() is no aggregate: it takes no DISTINCT, FILTER or IGNORE NULLS");
  }
  Arguments values = TRY(arguments(call, scope));
  return located(position, sql::call(*found, {name, options_.now_us}, values));
}

Result<Typed> Analyzer::type_name(const Call& call, Position position, Scope& scope) {
  Arguments values = TRY(arguments(call, scope));
  if (values.size() != 1) return at(position, "typeof() takes one argument");
  return Typed{.sql = quoted_text(simple_name(values[0].type)), .type = Kind::String};
}

Result<Typed> Analyzer::structure(const Call& call, const Expression& whole, Scope& scope) {
  bool named = lowered(call.name) == "named_struct";
  size_t step = named ? 2 : 1;
  if (call.arguments.empty() || call.arguments.size() % step != 0) {
    return at(whole.position,
              call.name + (named ? "() takes names and values in turn" : "() takes values"));
  }
  std::vector<Field> fields;
  std::vector<std::string> texts;
  auto parts = std::make_shared<std::vector<Typed>>();
  bool may_fail = false;
  for (size_t i = 0; i < call.arguments.size(); i += step) {
    const Expression& value = *call.arguments[i + step - 1].value;
    std::string name;
    if (named) {
      const auto* literal = std::get_if<Literal>(&call.arguments[i].value->node);
      if (literal == nullptr || literal->type.kind != Kind::String) {
        return at(call.arguments[i].position,
                  "the names of named_struct() must be string literals");
      }
      name = literal->text;
    } else if (const auto* alias = std::get_if<Alias>(&value.node)) {
      name = alias->name;
    } else if (std::holds_alternative<ColumnReference>(value.node) ||
               std::holds_alternative<FieldAccess>(value.node)) {
      name = default_name(value);
    } else {
      name = "col" + std::to_string(i + 1);
    }
    for (const Field& field : fields) {
      if (equal_ignoring_case(field.name, name)) {
        return at(call.arguments[i].position,
                  "a struct has two fields " + name + "; rename one with AS");
      }
    }
    Typed part = TRY(expression(value, scope));
    may_fail |= part.may_fail;
    texts.push_back(quoted_name(name) + " := " + part.sql);
    fields.push_back({name, part.type});
    parts->push_back(std::move(part));
  }
  return Typed{.sql = "struct_pack(" + listed(texts) + ")",
               .type = Type::structure(fields),
               .may_fail = may_fail,
               .parts = std::move(parts)};
}

Result<Typed> Analyzer::arrays_zip(const Call& call, Scope& scope) {
  Arguments arrays = TRY(arguments(call, scope));
  std::vector<Field> fields;
  std::vector<std::string> tests, lengths, parts;
  bool may_fail = false;
  for (size_t i = 0; i < arrays.size(); ++i) {
    const Expression& written = *call.arguments[i].value;
    if (arrays[i].type.kind != Kind::Array) {
      return at(call.arguments[i].position,
                "arrays_zip() expects an ARRAY but got " + to_sql(arrays[i].type));
    }
    bool named = std::holds_alternative<ColumnReference>(written.node) ||
                 std::holds_alternative<FieldAccess>(written.node);
    std::string name = named ? default_name(written) : std::to_string(i);
    fields.push_back({name, arrays[i].type.children->front().type});
    tests.push_back(arrays[i].sql + " IS NOT NULL");
    lengths.push_back("len(" + arrays[i].sql + ")");
    parts.push_back(quoted_name(name) + " := list_extract(" + arrays[i].sql + ", i_)");
    may_fail |= arrays[i].may_fail;
  }
  Type type = Type::array(Type::structure(fields), false);
  std::string zipped = "list_transform(generate_series(1, greatest(" + listed(lengths) +
                       ")), lambda i_: struct_pack(" + listed(parts) + "))";
  return Typed{
      .sql = cast_text("CASE WHEN " + listed(tests, " AND ") + " THEN " + zipped + " END", type),
      .type = type,
      .may_fail = may_fail};
}

// WITHIN GROUP: its keys are arguments behind the others.
Result<void> Analyzer::order_within(const Call& call, const Expression& whole, AggregateSlot& slot,
                                    Scope& scope) {
  using Order = AggregateFunction::Order;
  Order taken = slot.function->order;
  if (!call.within.empty() && taken == Order::None)
    return at(whole.position, call.name + "() takes no WITHIN GROUP");
  if (taken == Order::Needed && call.within.size() != 1) {
    return at(whole.position,
              call.name + "() needs one order: " + call.name + "(0.5) WITHIN GROUP (ORDER BY x)");
  }
  for (const SortItem& item : call.within) {
    Typed value = TRY(expression(*item.expression, scope));
    slot.arguments.push_back(TRY(located(item.expression->position, order_key(value))));
    slot.options.order.push_back(std::string(item.descending ? " DESC" : " ASC") +
                                 (item.nulls_first ? " NULLS FIRST" : " NULLS LAST"));
  }
  return {};
}

Result<AggregateSlot> Analyzer::aggregate_slot(const Call& call, const Expression& whole,
                                               Scope& scope) {
  std::string name = lowered(call.name);
  Position position = whole.position;
  AggregateSlot slot;
  slot.function = TRY(located(position, find_aggregate(name, call.arguments.size())));
  slot.options.distinct = call.distinct;
  slot.options.ignore_nulls = call.nulls == Call::Nulls::Ignore;
  if (call.distinct && !slot.function->takes_distinct)
    return at(position, name + "() takes no DISTINCT", Code::Unsupported);
  if (call.nulls != Call::Nulls::Unsaid && !slot.function->takes_ignore_nulls) {
    return at(position, name + "() takes no IGNORE NULLS");
  }
  for (const Argument& argument : call.arguments) {
    bool star = std::holds_alternative<Star>(argument.value->node);
    if (star && (name != "count" || call.arguments.size() != 1 || call.distinct)) {
      return at(argument.position, "* is for count(*)");
    }
    if (!argument.name.empty()) return at(argument.position, name + "() takes no named arguments");
    if (has_aggregate(*argument.value) && !call.over) {
      return at(argument.position,
                "an aggregate within an aggregate: compute the inner one in a subquery");
    }
    slot.arguments.push_back(star ? literal_one() : TRY(expression(*argument.value, scope)));
  }
  slot.arguments = TRY(located(position, coerced(name, slot.function->parameters, slot.arguments)));
  TRY(order_within(call, whole, slot, scope));
  std::vector<std::string> filters;
  if (!scope.filter.empty()) filters.push_back(scope.filter);
  if (call.filter != nullptr) {
    Typed filter = TRY(condition(*call.filter, scope, "FILTER"));
    filters.push_back(filter.sql);
  }
  bool keeps_nulls = slot.function->keeps_nulls && !slot.options.ignore_nulls;
  if (!filters.empty() && keeps_nulls) {
    if (std::ranges::any_of(scope.sources, &Source::streaming)) {
      return at(position, "FILTER with " + name + "() over a stream is not supported",
                Code::Unsupported);
    }
    slot.options.filter = listed(filters, " AND ");
  } else if (!filters.empty()) {
    for (Typed& argument : slot.arguments) {
      bool separator = slot.function->order == AggregateFunction::Order::Taken && argument.literal;
      if (separator) continue;
      argument.sql = "CASE WHEN " + listed(filters, " AND ") + " THEN " + argument.sql + " END";
      argument.literal.reset();
      argument.parts.reset();
    }
  }
  slot.made = TRY(located(position, slot.function->build(slot.arguments, slot.options)));
  for (const AggregatePart& part : slot.made.parts) slot.match += part.partial + "\n";
  slot.match += slot.made.final;
  return slot;
}

Result<Typed> Analyzer::aggregate_call(const Call& call, const Expression& whole, Scope& scope) {
  if (scope.lambdas > 0) return at(whole.position, "an aggregate cannot stand in a lambda");
  if (scope.grouping == nullptr || !scope.over_groups) {
    std::string clause = scope.no_aggregate.empty() ? "here" : "in " + scope.no_aggregate;
    std::string advice = scope.no_aggregate == "WHERE" ? "; use HAVING" : "";
    return at(whole.position, "the aggregate " + call.name + "() cannot stand " + clause + advice);
  }
  scope.over_groups = false;
  auto made = aggregate_slot(call, whole, scope);
  scope.over_groups = true;
  AggregateSlot slot = TRY(std::move(made));
  auto& slots = scope.grouping->slots;
  auto known = std::ranges::find(slots, slot.match, &AggregateSlot::match);
  size_t index = static_cast<size_t>(known - slots.begin());
  Type type = slot.made.type;
  if (known == slots.end()) slots.push_back(std::move(slot));
  return Typed{
      .sql = quoted_name(scope.grouping->id) + "." + quoted_name("a" + std::to_string(index)),
      .type = type};
}

}  // namespace ticklake::sql
