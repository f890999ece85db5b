// Table functions: read_kafka, read_files and range.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "sql/analyzer.h"

namespace ticklake::sql {
namespace {

constexpr std::array kKafkaArguments = {
    "bootstrapServers",   "subscribe",
    "subscribePattern",   "assign",
    "startingOffsets",    "startingOffsetsByTimestamp",
    "failOnDataLoss",     "maxOffsetsPerTrigger",
    "maxRecordsPerFetch", "groupId",
    "groupIdPrefix",      "includeHeaders",
};

Schema kafka_schema() {
  Type headers = Type::array(Type::structure({{"key", Kind::String}, {"value", Kind::Binary}}));
  return {{{"key", Kind::Binary},
           {"value", Kind::Binary},
           {"topic", Kind::String},
           {"partition", Kind::Integer},
           {"offset", Kind::Long},
           {"timestamp", Kind::Timestamp},
           {"timestampType", Kind::Integer},
           {"headers", headers}}};
}

std::optional<std::string> literal_text(const Expression& expression) {
  const auto* literal = std::get_if<Literal>(&expression.node);
  if (literal == nullptr || literal->type.kind == Kind::Null) return std::nullopt;
  if (literal->type.kind == Kind::Boolean) return literal->value != 0 ? "true" : "false";
  return literal->text;
}

}  // namespace

Result<Source> Analyzer::table_function(const TableFunction& function, const FromItem& item) {
  std::string name = lowered(function.name);
  if (name == "range") return range(function, item);
  if (name == "read_kafka") return read_kafka(function, item);
  if (name == "read_files") return read_files(function, item);
  std::vector<std::string> names = {"range", "read_files", "read_kafka"};
  std::string near = nearest(name, names);
  return at(
      item.position,
      "the table function " + function.name + "() is not supported; " +
          (near.empty() ? "there are range(), read_files() and read_kafka()"
                        : "did you mean " + near + "()?"),
      Code::Unsupported);
}

Result<Source> Analyzer::read_kafka(const TableFunction& function, const FromItem& item) {
  if (!item.streaming) {
    return at(
        item.position,
        "read_kafka() is read as a stream; write STREAM read_kafka(..) in a streaming table and "
        "query that table",
        Code::Unsupported);
  }
  PlanInput input;
  std::vector<std::string> known(kKafkaArguments.begin(), kKafkaArguments.end());
  for (const Argument& argument : function.arguments) {
    if (argument.name.empty())
      return at(argument.position, "read_kafka() takes named arguments: bootstrapServers => '..'");
    auto text = literal_text(*argument.value);
    if (!text)
      return at(argument.position,
                "the argument " + argument.name + " of read_kafka() must be a literal");
    auto same = [&](const std::string& one) { return equal_ignoring_case(one, argument.name); };
    auto found = std::ranges::find_if(known, same);
    bool client = argument.name.find('.') != std::string::npos;
    if (found == known.end() && !client) {
      std::string near = nearest(argument.name, known);
      return at(argument.position, "read_kafka() has no argument " + argument.name +
                                       (near.empty() ? "; there are " + listed(known)
                                                     : "; did you mean " + near + "?"));
    }
    std::string name = found == known.end() ? argument.name : *found;
    if (!input.kafka.emplace(name, *text).second)
      return at(argument.position, "the argument " + name + " is given twice");
  }
  if (!input.kafka.contains("bootstrapServers") &&
      !input.kafka.contains("kafka.bootstrap.servers")) {
    return at(item.position, "read_kafka() needs bootstrapServers => 'host:port'");
  }
  size_t topics = input.kafka.count("subscribe") + input.kafka.count("subscribePattern") +
                  input.kafka.count("assign");
  if (topics != 1) {
    return at(item.position,
              "read_kafka() needs one of subscribe => 'topic', subscribePattern and assign");
  }
  input.streaming = true;
  input.schema = kafka_schema();
  input.position = item.position;
  return scanned(std::move(input));
}

// What the options mean is for the catalog to say.
Result<Source> Analyzer::read_files(const TableFunction& function, const FromItem& item) {
  PlanInput input;
  for (const Argument& argument : function.arguments) {
    std::string name = argument.name.empty() ? "path" : argument.name;
    auto text = literal_text(*argument.value);
    if (!text)
      return at(argument.position, "the argument " + name + " of read_files() must be a literal");
    if (argument.name.empty() && &argument != &function.arguments.front())
      return at(argument.position, "read_files() takes the path, then named arguments: "
                                   "read_files('/data/in', format => 'csv')");
    if (!input.files.emplace(name, *text).second)
      return at(argument.position, "the argument " + name + " is given twice");
  }
  if (!input.files.contains("path"))
    return at(item.position, "read_files() needs a path: read_files('/data/in', format => 'csv')");
  if (!catalog_.file_columns)
    return at(item.position, "read_files() is not available here", Code::Unsupported);
  input.streaming = item.streaming;
  input.position = item.position;
  input.schema = TRY(located(item.position, catalog_.file_columns(input.files, item.streaming)));
  bool hides = !input.schema.fields.empty() && input.schema.fields.back().name == "_metadata" &&
               input.schema.fields.back().type.kind == Kind::Struct;
  Source out = scanned(std::move(input));
  out.qualifier = {"read_files"};
  if (hides) out.columns.back().hidden = true;
  return out;
}

Result<Source> Analyzer::range(const TableFunction& function, const FromItem& item) {
  if (item.streaming) return at(item.position, "range() is not a stream");
  std::vector<std::string> numbers;
  for (const Argument& argument : function.arguments) {
    const auto* literal = std::get_if<Literal>(&argument.value->node);
    const auto* minus = std::get_if<Unary>(&argument.value->node);
    bool negative = minus != nullptr && minus->op == Unary::Op::Minus;
    if (negative) literal = std::get_if<Literal>(&minus->operand->node);
    if (literal == nullptr || !literal->type.is_integral()) {
      return at(argument.position,
                "range() takes whole numbers: range(end), range(start, end[, step])");
    }
    numbers.push_back("CAST('" + std::string(negative ? "-" : "") + literal->text + "' AS BIGINT)");
  }
  if (numbers.empty() || numbers.size() > 3)
    return at(item.position, "range() takes one to three numbers");
  Source out;
  out.id = new_id("t");
  out.sql = "(SELECT \"range\" AS \"id\" FROM range(" + listed(numbers) + "))";
  out.columns.push_back({"id", "id", Kind::Long});
  return out;
}

}  // namespace ticklake::sql
