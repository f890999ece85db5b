#include "broker/schema_registry.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "base/text.h"

namespace ticklake::broker {
namespace {

using Json = nlohmann::json;

constexpr int kReferenceDepthMax = 16;
constexpr int kReferencesMax = 1'000;
constexpr size_t kUnknownMax = 10'000;  // ids that were asked for and are unknown
constexpr int64_t kBodyBytesMax = 16 << 20;

std::string base64(std::string_view bytes) {
  static constexpr std::string_view kDigits =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  for (size_t i = 0; i < bytes.size(); i += 3) {
    uint32_t group = 0;
    for (size_t j = 0; j < 3; ++j) {
      group = group << 8 | (i + j < bytes.size() ? static_cast<uint8_t>(bytes[i + j]) : 0);
    }
    for (size_t j = 0; j < 4; ++j) {
      out += i + j <= bytes.size() ? kDigits[group >> (18 - 6 * j) & 0x3F] : '=';
    }
  }
  return out;
}

std::string in_path(std::string_view text) {
  std::string out;
  for (char c : text) {
    bool plain = std::isalnum(static_cast<unsigned char>(c)) != 0 ||
                 std::string_view("-_.~").find(c) != std::string_view::npos;
    out += plain ? std::string(1, c) : fmt::format("%{:02X}", static_cast<unsigned char>(c));
  }
  return out;
}

std::string text_in(const Json& json, const char* key) {
  auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}

int32_t number_in(const Json& json, const char* key) {
  auto found = json.is_object() ? json.find(key) : json.end();
  return found != json.end() && found->is_number_integer() ? found->get<int32_t>() : 0;
}

RegisteredSchema::Form form_of(const std::string& type) {
  if (type.empty() || type == "AVRO") return RegisteredSchema::Form::Avro;
  return type == "JSON" ? RegisteredSchema::Form::Json : RegisteredSchema::Form::Other;
}

}  // namespace

Result<std::shared_ptr<SchemaRegistry>> SchemaRegistry::make(RegistrySettings settings,
                                                             std::shared_ptr<io::Http> http) {
  while (settings.url.ends_with('/')) settings.url.pop_back();
  if (settings.url.find('@') != std::string::npos) {
    return Error{Code::Invalid,
                 "the schema registry's address holds a login, which messages would "
                 "show; say it as registry.login"};
  }
  bool known = settings.url.starts_with("http://") || settings.url.starts_with("https://");
  if (!known) {
    return Error{Code::Invalid, fmt::format("the schema registry's address '{}' is not one of "
                                            "http:// or https://",
                                            printable(settings.url))};
  }
  return std::shared_ptr<SchemaRegistry>(new SchemaRegistry(std::move(settings), std::move(http)));
}

Error SchemaRegistry::refused(const Answer& answer, const std::string& what) const {
  Json json = Json::parse(answer.body, nullptr, false);
  int32_t code = number_in(json, "error_code");
  std::string said = printable(text_in(json, "message"), 400);
  auto sentence = [&](std::string_view advice) {
    return fmt::format("schema registry {}: {}: {}{}{}", settings_.url, what, advice,
                       said.empty() ? "" : "; it says: ", said);
  };
  switch (answer.status) {
    case 401:
    case 403:
      return {Code::Invalid,
              sentence(settings_.login.empty() && settings_.token.empty()
                           ? "it wants a login; set registry.login (key:secret) or registry.token"
                           : "it refuses the login; check registry.login or registry.token")};
    case 404:
      if (code != 0) return {Code::NotFound, sentence("not found")};
      // What stands before a registry that starts again.
      if (answered_) return {Code::Unavailable, sentence("it is not there")};
      return {Code::Invalid, sentence("there is no registry at this path; check registry.url "
                                      "(Apicurio's ends in /apis/ccompat/v7)")};
    case 409:
      return {Code::Invalid, sentence("the schema is incompatible with an earlier version of its "
                                      "subject; make new fields optional with a default, or "
                                      "change the subject's compatibility")};
    case 422: return {Code::Invalid, sentence("the schema is not one that it takes")};
    default: break;
  }
  bool again = answer.status >= 500 || answer.status == 429 || answer.status == 408;
  return {again ? Code::Unavailable : Code::Invalid,
          sentence(fmt::format("it answers with HTTP status {}", answer.status))};
}

Result<std::string> SchemaRegistry::ask(const std::string& method, const std::string& path,
                                        const std::string& body, const std::string& what) {
  io::HttpRequest request{.method = method, .url = settings_.url + path, .body = body};
  request.timeout_ms = kTimeoutMs;
  request.max_body_bytes = kBodyBytesMax;
  request.ca_file = settings_.ca_file;
  request.headers.emplace_back("Accept",
                               "application/vnd.schemaregistry.v1+json, application/json");
  if (!body.empty()) {
    request.headers.emplace_back("Content-Type", "application/vnd.schemaregistry.v1+json");
  }
  if (!settings_.login.empty()) {
    request.headers.emplace_back("Authorization", "Basic " + base64(settings_.login));
  } else if (!settings_.token.empty()) {
    request.headers.emplace_back("Authorization", "Bearer " + settings_.token);
  }
  Error last{Code::Unavailable, ""};
  for (int i = 0; i < kTries; ++i) {
    auto response = http_->send(request);
    if (response && response->status >= 200 && response->status < 300) {
      answered_ = true;
      return std::move(response->body);
    }
    last = response ? refused({response->status, std::move(response->body)}, what)
                    : Error{response.error().code,
                            fmt::format("schema registry {}: {}: {}; check registry.url, and that "
                                        "it runs",
                                        settings_.url, what, response.error().message)};
    if (last.code != Code::Unavailable) break;
  }
  return last;
}

Result<RegisteredSchema> SchemaRegistry::schema_in(const std::string& body, int depth,
                                                   int& references_left) {
  Json json = Json::parse(body, nullptr, false);
  RegisteredSchema out;
  out.text = text_in(json, "schema");
  if (out.text.empty()) {
    return Error{Code::Invalid, fmt::format("schema registry {}: an answer has no schema in it; is "
                                            "this the address of a registry?",
                                            settings_.url)};
  }
  out.form = form_of(text_in(json, "schemaType"));
  if (!json.contains("references") || !json["references"].is_array()) return out;
  if (depth >= kReferenceDepthMax) {
    return Error{Code::Unsupported, fmt::format("schema registry {}: schemas refer to each other "
                                                "more than {} deep",
                                                settings_.url, kReferenceDepthMax)};
  }
  for (const Json& reference : json["references"]) {
    std::string subject = text_in(reference, "subject");
    if (--references_left < 0) {
      return Error{Code::Unsupported,
                   fmt::format("schema registry {}: a schema refers to more than "
                               "{} others",
                               settings_.url, kReferencesMax)};
    }
    std::string path =
        fmt::format("/subjects/{}/versions/{}", in_path(subject), number_in(reference, "version"));
    auto text = ask("GET", path, "", "reference to " + printable(subject));
    // The schema is known; what it needs must be there, or come.
    if (!text && text.error().code == Code::NotFound) text.error().code = Code::Unavailable;
    if (!text) return std::move(text).error();
    RegisteredSchema schema = TRY(schema_in(*text, depth + 1, references_left));
    schema.references.push_back(std::move(schema.text));
    for (std::string& each : schema.references) {
      bool known =
          std::find(out.references.begin(), out.references.end(), each) != out.references.end();
      if (!known) out.references.push_back(std::move(each));
    }
  }
  return out;
}

std::optional<Result<RegisteredSchema>> SchemaRegistry::known(int32_t id) {
  std::scoped_lock lock(mutex_);
  if (auto found = by_id_.find(id); found != by_id_.end()) return found->second;
  auto unknown = unknown_.find(id);
  bool still =
      unknown != unknown_.end() && std::chrono::steady_clock::now() < unknown->second + kUnknownFor;
  // An id is at least 1.
  if (!still && id > 0) return std::nullopt;
  return Error{Code::NotFound, fmt::format("the registry has no schema {}", id)};
}

Result<RegisteredSchema> SchemaRegistry::by_id(int32_t id) {
  if (auto found = known(id)) return *found;
  std::scoped_lock asking(asking_);
  if (auto found = known(id)) return *found;
  auto body = ask("GET", fmt::format("/schemas/ids/{}", id), "", fmt::format("schema {}", id));
  if (!body && body.error().code == Code::NotFound) {
    {
      std::scoped_lock lock(mutex_);
      if (unknown_.size() >= kUnknownMax) unknown_.clear();
      unknown_[id] = std::chrono::steady_clock::now();
    }
    return *known(id);
  }
  if (!body) return std::move(body).error();
  int references_left = kReferencesMax;
  RegisteredSchema schema = TRY(schema_in(*body, 0, references_left));
  std::scoped_lock lock(mutex_);
  unknown_.erase(id);
  return by_id_.emplace(id, std::move(schema)).first->second;
}

Result<SchemaRegistry::Version> SchemaRegistry::newest(const std::string& subject) {
  std::string body = TRY(ask("GET", fmt::format("/subjects/{}/versions/latest", in_path(subject)),
                             "", "subject " + printable(subject)));
  Json json = Json::parse(body, nullptr, false);
  int references_left = kReferencesMax;
  return Version{number_in(json, "id"), number_in(json, "version"),
                 TRY(schema_in(body, 0, references_left))};
}

Result<SchemaRegistry::Version> SchemaRegistry::latest(const std::string& subject) {
  std::scoped_lock asking(asking_);
  if (auto found = latest_.find(subject); found != latest_.end()) return found->second;
  Version out = TRY(newest(subject));
  std::scoped_lock lock(mutex_);
  by_id_.emplace(out.id, out.schema);
  latest_.emplace(subject, out);
  return out;
}

Result<bool> SchemaRegistry::moved_on(const std::string& subject, int32_t id) {
  std::scoped_lock asking(asking_);
  Version now = TRY(newest(subject));
  return now.id != id;
}

Result<int32_t> SchemaRegistry::put(const std::string& path, const RegisteredSchema& schema,
                                    const std::string& what) {
  Json body{{"schema", schema.text}};
  if (schema.form == RegisteredSchema::Form::Json) body["schemaType"] = "JSON";
  std::string answer =
      TRY(ask("POST", path, body.dump(-1, ' ', false, Json::error_handler_t::replace), what));
  Json json = Json::parse(answer, nullptr, false);
  if (!json.is_object() || !json.contains("id")) {
    return Error{Code::Invalid,
                 fmt::format("schema registry {}: {}: its answer has no id", settings_.url, what)};
  }
  return number_in(json, "id");
}

Result<int32_t> SchemaRegistry::add(const std::string& subject, const RegisteredSchema& schema) {
  std::scoped_lock asking(asking_);
  return put(fmt::format("/subjects/{}/versions", in_path(subject)), schema,
             "registering a schema of subject " + printable(subject));
}

Result<int32_t> SchemaRegistry::find(const std::string& subject, const RegisteredSchema& schema) {
  std::scoped_lock asking(asking_);
  return put(fmt::format("/subjects/{}", in_path(subject)), schema,
             "looking for a schema of subject " + printable(subject));
}

Result<std::vector<std::string>> SchemaRegistry::subjects() {
  std::scoped_lock asking(asking_);
  std::string body = TRY(ask("GET", "/subjects", "", "its subjects"));
  Json json = Json::parse(body, nullptr, false);
  std::vector<std::string> out;
  if (!json.is_array()) {
    return Error{Code::Invalid, fmt::format("schema registry {}: its list of subjects is none; is "
                                            "this the address of a registry?",
                                            settings_.url)};
  }
  for (const Json& subject : json) {
    if (subject.is_string()) out.push_back(subject.get<std::string>());
  }
  return out;
}

RegistrySettings registry_settings(const std::map<std::string, std::string>& configuration) {
  auto value = [&](const char* name) {
    auto found = configuration.find(name);
    return found == configuration.end() ? std::string() : std::string(trimmed(found->second));
  };
  return {value("registry.url"), value("registry.login"), value("registry.token"),
          value("registry.ca_file")};
}

}  // namespace ticklake::broker
