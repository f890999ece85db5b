// The brokers of one project, each opened once.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "app/project.h"

namespace ticklake::app {

// One broker for each distinct address and settings; the project's own is shared with the sources.
// What read_kafka() says of the project's broker goes over the project's settings; another broker
// never sees the project's login.
class Brokers {
 public:
  Brokers(Environment& environment, const engine::Project& project, std::string bootstrap,
          std::shared_ptr<broker::Topics> own);

  // By read_kafka's bootstrapServers and its dotted options.
  Result<std::shared_ptr<broker::Topics>> get(const std::string& bootstrap,
                                              const std::map<std::string, std::string>& config);

 private:
  Environment& environment_;
  io::Path directory_;
  io::Path topics_directory_;
  std::string bootstrap_;
  std::map<std::string, std::string> settings_;
  std::shared_ptr<broker::Topics> own_;
  std::map<std::pair<std::string, std::map<std::string, std::string>>,
           std::shared_ptr<broker::Topics>>
      opened_;
};

}  // namespace ticklake::app
