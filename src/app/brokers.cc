#include "app/brokers.h"

namespace ticklake::app {

Brokers::Brokers(Environment& environment, const engine::Project& project, std::string bootstrap,
                 std::shared_ptr<broker::Topics> own)
    : environment_(environment),
      directory_(project.directory),
      topics_directory_(project.topics),
      bootstrap_(std::move(bootstrap)),
      settings_(kafka_settings(project)),
      own_(std::move(own)) {}

Result<std::shared_ptr<broker::Topics>> Brokers::get(
    const std::string& bootstrap, const std::map<std::string, std::string>& config) {
  bool is_own = bootstrap == bootstrap_;
  if (is_own && config.empty()) return own_;
  auto& topics = opened_[{bootstrap, config}];
  if (topics) return topics;
  auto all = broker::kafka_paths_in(directory_, config);
  if (is_own) all = TRY(broker::kafka_settings_over(settings_, all));
  topics = TRY(broker::open(bootstrap, topics_directory_, all, environment_.clock));
  return topics;
}

}  // namespace ticklake::app
