// Values that must never be shown: passwords, keys, tokens.
#pragma once

#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

namespace ticklake {

class Secrets {
 public:
  // Remembers the value, and each line of one that has several. Values under four bytes are left
  // out: to mask them would spoil every message and hide nothing.
  void add(std::string_view value);
  void add(const Secrets& others);

  // The text with "***" for each secret, also as it stands in a URL or in JSON.
  std::string masked(std::string text) const;

  bool empty() const { return forms_.empty(); }

 private:
  struct LongestFirst {
    bool operator()(const std::string& a, const std::string& b) const {
      return a.size() != b.size() ? a.size() > b.size() : a < b;
    }
  };
  std::set<std::string, LongestFirst> forms_;
};

// True where a name says that its value is secret: "kafka.password", "ALPHA_VANTAGE_API_KEY",
// "sasl.jaas.config"; not "ssl.key.location", which is a path.
bool names_secret(std::string_view name);

// The names in the ${name} of a text whose values are secret: because the name says so, or what
// stands before it in its line, or because it is a file's text ("file:PATH").
std::vector<std::string> secret_references(std::string_view text);

}  // namespace ticklake
