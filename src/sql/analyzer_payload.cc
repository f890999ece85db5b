// from_json(), from_avro() and to_avro(): what they were asked for, and where they are computed.
#include <algorithm>
#include <map>
#include <optional>
#include <string>

#include "base/text.h"
#include "sql/analyzer.h"

namespace ticklake::sql {
namespace {

const Literal* written(const Argument& argument, Kind kind) {
  const auto* literal = std::get_if<Literal>(&argument.value->node);
  return literal != nullptr && literal->type.kind == kind ? literal : nullptr;
}

// Anywhere in the type.
bool has_null(const Type& type) {
  if (!type.is_nested()) return type.kind == Kind::Null;
  return std::ranges::any_of(*type.children,
                             [](const Field& field) { return has_null(field.type); });
}

// Of 'a INT, b STRING' and of 'STRUCT<a: INT, b: STRING>'.
Result<Schema> json_schema(const std::string& text) {
  std::string start = uppered(trimmed(text));
  bool type =
      start.starts_with("STRUCT<") || start.starts_with("ARRAY<") || start.starts_with("MAP<");
  if (!type) return parse_ddl(text);
  Schema whole = TRY(parse_ddl("v " + text));
  if (whole.fields.size() == 1 && whole.fields[0].type.kind == Kind::Struct)
    return Schema{*whole.fields[0].type.children};
  return Error{Code::Unsupported,
               "an ARRAY or a MAP at the top is not supported; make it a field: "
               "from_json(concat('{\"v\":', text, '}'), 'v ARRAY<INT>').v"};
}

}  // namespace

bool same(const PayloadFunction& a, const PayloadFunction& b) {
  return a.form == b.form && a.type == b.type && a.schema == b.schema && a.registry == b.registry &&
         a.fail_fast == b.fail_fast && !a.writers == !b.writers;
}

bool wants_registry(const std::map<std::string, std::string>& options) {
  return options.contains("subject") || options.contains("schemaregistryaddress");
}

struct Analyzer::Payloads {
  Analyzer& analyzer;
  Scope& scope;

  Result<Typed> from_json(const Call& call, const Expression& whole);
  Result<Typed> from_avro(const Call& call, const Expression& whole);
  Result<Typed> to_avro(const Call& call, Position position);

 private:
  Result<std::map<std::string, std::string>> options(const Argument& argument) const;
  Result<std::optional<std::string>> schema(const Argument& argument) const;
  Result<Typed> payload(const Argument& argument, Kind kind, const std::string& function);
  Result<PayloadFunction> asked(PayloadRequest request, Position position) const;
  const PayloadFunction& planned(PayloadFunction function);
  Result<Typed> decoded(const PayloadFunction& function, const Typed& payload, Position position);
};

// A literal map('name', 'value', ..) or NULL.
Result<std::map<std::string, std::string>> Analyzer::Payloads::options(
    const Argument& argument) const {
  std::map<std::string, std::string> options;
  if (written(argument, Kind::Null) != nullptr) return options;
  const auto* call = std::get_if<Call>(&argument.value->node);
  bool good = call != nullptr && lowered(call->name) == "map" && call->arguments.size() % 2 == 0;
  for (size_t i = 0; good && i < call->arguments.size(); i += 2) {
    const Literal* name = written(call->arguments[i], Kind::String);
    const Literal* value = written(call->arguments[i + 1], Kind::String);
    good = name != nullptr && value != nullptr;
    if (good) options[lowered(name->text)] = value->text;
  }
  if (good) return options;
  return analyzer.at(argument.position,
                     "options are a map of literals such as map('mode', 'PERMISSIVE')");
}

// A literal text, or nothing for NULL.
Result<std::optional<std::string>> Analyzer::Payloads::schema(const Argument& argument) const {
  if (written(argument, Kind::Null) != nullptr) return std::optional<std::string>();
  const Literal* literal = written(argument, Kind::String);
  if (literal == nullptr)
    return analyzer.at(argument.position, "the schema must be a string literal");
  return std::optional(literal->text);
}

Result<PayloadFunction> Analyzer::Payloads::asked(PayloadRequest request, Position position) const {
  if (!analyzer.catalog_.payload_functions) {
    return analyzer.at(position, "Avro and schema registries are not available here",
                       Code::Unsupported);
  }
  return analyzer.located(position, analyzer.catalog_.payload_functions(request));
}

const PayloadFunction& Analyzer::Payloads::planned(PayloadFunction function) {
  for (const PayloadFunction& known : analyzer.plan_.payload_functions) {
    if (same(known, function)) return known;
  }
  function.id = std::to_string(analyzer.plan_.payload_functions.size());
  analyzer.plan_.payload_functions.push_back(std::move(function));
  return analyzer.plan_.payload_functions.back();
}

// The payload itself, of the kind.
Result<Typed> Analyzer::Payloads::payload(const Argument& argument, Kind kind,
                                          const std::string& function) {
  Typed value = TRY(analyzer.expression(*argument.value, scope));
  if (value.type.kind == kind || value.type.kind == Kind::Null) return cast(value, kind);
  std::string advice;
  if (kind == Kind::String && value.type.kind == Kind::Binary) {
    advice = "; write CAST(" + to_text(*argument.value) + " AS STRING)";
  }
  return analyzer.at(argument.position, function + "() needs a " + to_sql(Type(kind)) +
                                            " but got " + to_sql(value.type) + advice);
}

Result<Typed> Analyzer::Payloads::from_json(const Call& call, const Expression& whole) {
  const auto& arguments = call.arguments;
  bool named = std::ranges::any_of(arguments, [](const Argument& a) { return !a.name.empty(); });
  if (named || arguments.size() < 2 || arguments.size() > 3) {
    return analyzer.at(whole.position, "from_json() takes a text, a schema and a map of options");
  }
  PayloadRequest request{.form = PayloadFunction::Form::FromJson};
  if (arguments.size() == 3) request.options = TRY(options(arguments[2]));
  const auto* literal = std::get_if<Literal>(&arguments[1].value->node);
  bool is_null = literal != nullptr && literal->type.kind == Kind::Null;
  bool framed = wants_registry(request.options);
  if (literal == nullptr || (literal->type.kind != Kind::String && !(is_null && framed))) {
    return analyzer.at(
        whole.position,
        "the schema of from_json() must be a string literal such as 'a INT, b STRING', or "
        "NULL where a schema registry tells it");
  }
  PayloadFunction function;
  if (framed) {
    request.schema = TRY(schema(arguments[1]));
    function = TRY(asked(std::move(request), whole.position));
  } else {
    for (const auto& [name, value] : request.options) {
      if (name == "mode") {
        function.fail_fast = equal_ignoring_case(value, "FAILFAST");
        if (function.fail_fast || equal_ignoring_case(value, "PERMISSIVE")) continue;
        return analyzer.at(arguments[2].position,
                           "the mode of from_json() is PERMISSIVE or FAILFAST, not " + value,
                           Code::Unsupported);
      }
      return analyzer.at(arguments[2].position,
                         "from_json() has the options mode, subject and "
                         "schemaRegistryAddress, not " +
                             name,
                         Code::Unsupported);
    }
    auto schema = json_schema(literal->text);
    if (!schema) {
      return analyzer.at(arguments[1].position,
                         "the schema of from_json(): " + schema.error().message,
                         schema.error().code);
    }
    function.type = Type::structure(schema->fields);
  }
  Typed text = TRY(payload(arguments[0], framed ? Kind::Binary : Kind::String, "from_json"));
  return decoded(planned(std::move(function)), text, whole.position);
}

Result<Typed> Analyzer::Payloads::from_avro(const Call& call, const Expression& whole) {
  PayloadRequest request{.form = PayloadFunction::Form::FromAvro};
  const Argument* binary = nullptr;
  size_t index = 0;
  for (const Argument& argument : call.arguments) {
    static constexpr const char* kNames[] = {"data", "jsonformatschema", "options"};
    std::string name = lowered(argument.name);
    if (name.empty() && index < std::size(kNames)) name = kNames[index++];
    if (name == "data") {
      binary = &argument;
    } else if (name == "jsonformatschema") {
      request.schema = TRY(schema(argument));
    } else if (name == "options") {
      for (auto& [key, value] : TRY(options(argument))) request.options[key] = value;
    } else if (name == "subject" || name == "schemaregistryaddress") {
      auto value = TRY(schema(argument));
      if (value) request.options[name] = *value;
    } else {
      return analyzer.at(argument.position,
                         "from_avro() takes data, jsonFormatSchema, options, subject and "
                         "schemaRegistryAddress");
    }
  }
  if (binary == nullptr) {
    return analyzer.at(whole.position,
                       "from_avro() takes a BINARY and its Avro schema or subject: "
                       "from_avro(value, subject => 'ticks-value')");
  }
  Typed bytes = TRY(payload(*binary, Kind::Binary, "from_avro"));
  PayloadFunction function = TRY(asked(std::move(request), whole.position));
  return decoded(planned(std::move(function)), bytes, whole.position);
}

Result<Typed> Analyzer::Payloads::to_avro(const Call& call, Position position) {
  PayloadRequest request{.form = PayloadFunction::Form::ToAvro};
  Arguments values = TRY(analyzer.arguments(call, scope));
  if (values.empty() || values.size() > 2) {
    return analyzer.at(position, "to_avro() takes a value and, where wanted, an Avro schema");
  }
  if (has_null(values[0].type)) {
    return analyzer.at(call.arguments[0].position,
                       "to_avro() needs a type, and NULL has none: cast it, as in CAST(NULL AS "
                       "STRING)");
  }
  if (values.size() == 2) request.schema = TRY(schema(call.arguments[1]));
  request.type = values[0].type;
  const auto& function = planned(TRY(asked(std::move(request), call.arguments[0].position)));
  return Typed{.sql = "ticklake_payload_" + function.id + "(" + values[0].sql + ")",
               .type = Kind::Binary,
               .may_fail = true};
}

// The call, once a row: above the one source that it reads where there is one.
Result<Typed> Analyzer::Payloads::decoded(const PayloadFunction& function, const Typed& payload,
                                          Position position) {
  Typed out = {.type = function.type, .may_fail = payload.may_fail || function.fail_fast};
  std::string head = "ticklake_payload_" + function.id + "(" + payload.sql + ", ";
  Source* reads = nullptr;
  int sources = 0;
  for (Source& source : scope.sources) {
    if (payload.sql.find(quoted_name(source.id) + ".") == std::string::npos) continue;
    reads = &source;
    ++sources;
  }
  const Source* stream = stream_of(scope);
  auto row_of = [](const Source* source) {
    bool has_row = source != nullptr && source->row;
    return has_row ? quoted_name(source->id) + ".\"__row\"" : "CAST(NULL AS BIGINT)";
  };
  bool of_stream = stream != nullptr && sources == 1;
  if (sources != 1 || scope.over_groups || scope.lambdas > 0 || (of_stream && reads->generated)) {
    out.sql = head + row_of(scope.over_groups ? nullptr : stream) + ")";
    return out;
  }
  if (of_stream && !reads->streaming) return analyzer.at(position, std::string(kDecodedSide));
  std::string row = row_of(reads);
  std::string sql = head + row + ")";
  for (const auto& [hoisted, name] : reads->hoisted) {
    if (hoisted == sql) {
      out.sql = quoted_name(reads->id) + "." + quoted_name(name);
      return out;
    }
  }
  if (sql.find("\"__json") != std::string::npos) {  // of another hoisted value: not beside it
    out.sql = sql;
    return out;
  }
  std::string name = analyzer.new_id("__json");
  reads->hoisted.emplace_back(sql, name);
  out.sql = quoted_name(reads->id) + "." + quoted_name(name);
  return out;
}

Result<Typed> Analyzer::payload_call(const Call& call, const Expression& whole, Scope& scope) {
  Payloads payloads{*this, scope};
  std::string name = lowered(call.name);
  if (name == "to_avro") return payloads.to_avro(call, whole.position);
  return name == "from_json" ? payloads.from_json(call, whole) : payloads.from_avro(call, whole);
}

}  // namespace ticklake::sql
