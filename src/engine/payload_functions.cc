#include "payload_functions.h"

#include <fmt/format.h>

#include <algorithm>
#include <mutex>

#include "base/text.h"
#include "broker/broker.h"
#include "formats/formats.h"

namespace ticklake::engine {
namespace {

using Options = std::map<std::string, std::string>;
using Form = sql::PayloadFunction::Form;

constexpr std::string_view kClient = "confluent.schema.registry.";

Error refused(std::string message, Code code = Code::Invalid) { return {code, std::move(message)}; }

std::string option(const Options& options, const std::string& name) {
  auto found = options.find(name);
  return found == options.end() ? "" : found->second;
}

Result<std::string> choice(const Options& options, const std::string& name,
                           const std::vector<std::string>& choices) {
  std::string value = option(options, lowered(name));
  if (value.empty()) return choices[0];
  for (const auto& each : choices) {
    if (equal_ignoring_case(value, each)) return each;
  }
  return refused(
      fmt::format("{} is '{}'; {} is expected", name, printable(value), joined(choices, " or ")));
}

Result<void> check_names(const Options& options) {
  static const std::vector<std::string> known = {
      "mode",
      "subject",
      "schemaRegistryAddress",
      "avroSchemaEvolutionMode",
      std::string(kClient) + "basic.auth.credentials.source",
      std::string(kClient) + "basic.auth.user.info",
      std::string(kClient) + "bearer.auth.credentials.source",
      std::string(kClient) + "bearer.auth.token"};
  for (const auto& [name, value] : options) {
    bool found = std::any_of(known.begin(), known.end(), [&](const std::string& each) {
      return equal_ignoring_case(each, name);
    });
    if (found) continue;
    std::string near = nearest(name, known);
    return refused(fmt::format(
        "there is no option {}; {}", printable(name),
        near.empty() ? "known: " + joined(known, ", ") : fmt::format("did you mean {}?", near)));
  }
  return {};
}

class Payloads {
 public:
  Payloads(Options configuration, const io::Path& directory, std::shared_ptr<io::Http> http)
      : own_(broker::registry_settings(configuration)),
        http_(http ? std::move(http) : std::shared_ptr<io::Http>(io::make_http())) {
    if (!own_.ca_file.empty() && !own_.ca_file.starts_with("/")) {
      own_.ca_file = io::join(directory, own_.ca_file);
    }
  }

  Result<sql::PayloadFunction> answer(const sql::PayloadRequest& request);

 private:
  Result<std::shared_ptr<broker::SchemaRegistry>> registry(const Options& options);
  Result<RegisteredSchema> reader(const sql::PayloadRequest& request,
                                  broker::SchemaRegistry& registry, int32_t& id) const;

  broker::RegistrySettings own_;
  std::shared_ptr<io::Http> http_;
  std::mutex mutex_;
  std::map<broker::RegistrySettings, std::shared_ptr<broker::SchemaRegistry>> registries_;
};

// The project's login is for the project's registry: no other address gets to see it.
Result<std::shared_ptr<broker::SchemaRegistry>> Payloads::registry(const Options& options) {
  broker::RegistrySettings settings = own_;
  std::string address = option(options, "schemaregistryaddress");
  while (address.ends_with('/')) address.pop_back();
  if (!address.empty() && address != own_.url && address + "/" != own_.url) {
    settings = {.url = address, .ca_file = own_.ca_file};
  }
  if (settings.url.empty()) {
    return refused(
        "no schema registry is named: set registry.url in the configuration of "
        "spark-pipeline.yml, or schemaRegistryAddress here");
  }
  if (settings.url.find("://") == std::string::npos) settings.url.insert(0, "http://");
  std::string client(kClient);
  std::string login = option(options, client + "basic.auth.user.info");
  std::string token = option(options, client + "bearer.auth.token");
  if (!login.empty()) settings.login = login;
  if (!token.empty()) settings.token = token;
  std::scoped_lock lock(mutex_);
  auto& found = registries_[settings];
  if (!found) found = TRY(broker::SchemaRegistry::make(settings, http_));
  return found;
}

Result<RegisteredSchema> Payloads::reader(const sql::PayloadRequest& request,
                                          broker::SchemaRegistry& registry, int32_t& id) const {
  bool json = request.form == Form::FromJson;
  if (request.schema && !json) return RegisteredSchema{.text = *request.schema};
  std::string subject = option(request.options, "subject");
  if (subject.empty()) {
    return refused(
        "the subject is missing, which names the schema in the registry: subject => "
        "'ticks-value'");
  }
  auto latest = TRY(registry.latest(subject));
  auto wanted = json ? RegisteredSchema::Form::Json : RegisteredSchema::Form::Avro;
  if (latest.schema.form != wanted) {
    return refused(
        fmt::format("the subject {} does not hold {}; use {}", printable(subject),
                    json ? "JSON Schemas" : "Avro schemas",
                    json ? "from_avro()" : "from_json(value, NULL, map('subject', ..))"));
  }
  id = latest.id;
  return latest.schema;
}

// Spark: the top of a value is never a union with null where no schema is given.
Result<sql::PayloadFunction> to_avro(const sql::PayloadRequest& request) {
  sql::PayloadFunction out{.form = Form::ToAvro, .type = request.type};
  out.schema.text = request.schema ? *request.schema
                                   : TRY(formats::avro_of(request.type, false, "topLevelRecord"));
  auto schema = TRY(formats::parse_avro(out.schema.text));
  TRY(formats::AvroEncoder::make(request.type, schema));
  return out;
}

Result<sql::PayloadFunction> Payloads::answer(const sql::PayloadRequest& request) {
  if (request.form == Form::ToAvro) {
    return to_avro(request);
  }
  TRY(check_names(request.options));
  bool json = request.form == Form::FromJson;
  auto mode = json ? choice(request.options, "mode", {"PERMISSIVE", "FAILFAST"})
                   : choice(request.options, "mode", {"FAILFAST", "PERMISSIVE"});
  sql::PayloadFunction out{.form = request.form};
  out.fail_fast = TRY(std::move(mode)) == "FAILFAST";
  std::string evolution =
      TRY(choice(request.options, "avroSchemaEvolutionMode", {"none", "restart"}));
  if (!sql::wants_registry(request.options)) {
    if (!request.schema) {
      return refused(
          "from_avro() needs a schema or a subject: from_avro(value, subject => "
          "'ticks-value')");
    }
    out.schema.text = *request.schema;
    out.type = TRY(formats::parse_avro(out.schema.text)).type;
    return out;
  }
  auto from = TRY(registry(request.options));
  int32_t id = INT32_MAX;
  if (json && request.schema) {
    out.type = Type::structure(TRY(parse_ddl(*request.schema)).fields);
  } else {
    out.schema = TRY(reader(request, *from, id));
    if (json) {
      auto schema = formats::schema_from_json_schema(out.schema.text);
      if (!schema) return std::move(schema).error();
      out.type = Type::structure(schema->fields);
    } else {
      auto schema = TRY(formats::parse_avro(out.schema.text, out.schema.references));
      out.type = schema.type;
    }
  }
  std::string subject = option(request.options, "subject");
  bool stops = evolution == "restart" && !subject.empty();
  if (stops && id == INT32_MAX) id = TRY(from->latest(subject)).id;
  // Of two equal ones, whose settings may differ in the login alone, each asks its own.
  out.registry = fmt::format("{} {} {} {}", from->url(), evolution, id, fmt::ptr(from.get()));
  out.writers = [from, id, subject, stops](int32_t writer) -> Result<RegisteredSchema> {
    auto schema = from->by_id(writer);
    // No row is to blame for a login that is refused.
    if (!schema && schema.error().code == Code::Invalid) schema.error().code = Code::Unsupported;
    if (!schema || !stops || writer == id || !TRY(from->moved_on(subject, id))) return schema;
    return refused(fmt::format("a record has the schema {}, which is newer than {}, the subject's "
                               "newest when this run began: start the run again to read with it "
                               "(avroSchemaEvolutionMode = restart)",
                               writer, id),
                   Code::Unsupported);
  };
  return out;
}

}  // namespace

sql::PayloadFunctions payload_functions(Options configuration, const io::Path& directory,
                                        std::shared_ptr<io::Http> http) {
  auto payloads = std::make_shared<Payloads>(std::move(configuration), directory, std::move(http));
  return [payloads](const sql::PayloadRequest& request) { return payloads->answer(request); };
}

}  // namespace ticklake::engine
