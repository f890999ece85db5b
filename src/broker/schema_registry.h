// A schema registry with the REST interface of Confluent's: a part of broker.h.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "io/http.h"
#include "model/registered_schema.h"

namespace ticklake::broker {

struct RegistrySettings {
  std::string url = {};      // with its path: http://host:8080/apis/ccompat/v7
  std::string login = {};    // "key:secret", or ""
  std::string token = {};    // bearer, or ""
  std::string ca_file = {};  // trusted instead of the system's certificates
  auto operator<=>(const RegistrySettings& other) const = default;
};

// Keeps each schema that it has been told; asks for it once. That an id is unknown it keeps for
// kUnknownFor: a schema that has just been registered may not be everywhere yet.
// Any thread; one request at a time, which no one waits for who needs what is known. Codes:
// Unavailable after kTries without an answer; Invalid where asking again will not help: a refused
// login, a path that is no registry's, a schema that is incompatible or none. No message shows the
// login.
class SchemaRegistry {
 public:
  static constexpr int kTries = 3;
  static constexpr int64_t kTimeoutMs = 5'000;
  static constexpr std::chrono::seconds kUnknownFor{10};

  // Invalid: no http:// or https:// address, or one with a login in it.
  static Result<std::shared_ptr<SchemaRegistry>> make(RegistrySettings settings,
                                                      std::shared_ptr<io::Http> http);

  struct Version {
    int32_t id = 0;
    int32_t version = 0;
    RegisteredSchema schema = {};
  };

  // NotFound: no such schema.
  Result<RegisteredSchema> by_id(int32_t id);
  // The subject's newest version when it was first asked for. NotFound, naming the subject.
  Result<Version> latest(const std::string& subject);
  // Whether the subject's newest version is another one by now.
  Result<bool> moved_on(const std::string& subject, int32_t id);
  // The id of the schema under the subject, which gets it where it has not.
  Result<int32_t> add(const std::string& subject, const RegisteredSchema& schema);
  // The same, without adding. NotFound: the subject has no such schema.
  Result<int32_t> find(const std::string& subject, const RegisteredSchema& schema);
  Result<std::vector<std::string>> subjects();

  const std::string& url() const { return settings_.url; }

 private:
  struct Answer {
    int status = 0;
    std::string body = {};
  };
  SchemaRegistry(RegistrySettings settings, std::shared_ptr<io::Http> http)
      : settings_(std::move(settings)), http_(std::move(http)) {}
  Result<std::string> ask(const std::string& method, const std::string& path,
                          const std::string& body, const std::string& what);
  Error refused(const Answer& answer, const std::string& what) const;
  Result<RegisteredSchema> schema_in(const std::string& body, int depth, int& references_left);
  std::optional<Result<RegisteredSchema>> known(int32_t id);
  Result<Version> newest(const std::string& subject);
  Result<int32_t> put(const std::string& path, const RegisteredSchema& schema,
                      const std::string& what);

  RegistrySettings settings_;
  std::shared_ptr<io::Http> http_;
  std::mutex asking_;  // held over a request; taken before the other
  bool answered_ = false;
  std::mutex mutex_;
  std::map<int32_t, RegisteredSchema> by_id_;
  std::map<int32_t, std::chrono::steady_clock::time_point> unknown_;  // since when
  std::map<std::string, Version> latest_;
};

// What configuration says under registry.url, .login, .token and .ca_file.
RegistrySettings registry_settings(const std::map<std::string, std::string>& configuration);

}  // namespace ticklake::broker
