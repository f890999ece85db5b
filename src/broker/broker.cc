#include "broker/broker.h"

#include "broker/embedded_log.h"
#include "broker/kafka_client.h"

namespace ticklake::broker {

Result<std::unique_ptr<Topics>> open(const std::string& bootstrap, const std::string& directory,
                                     const std::map<std::string, std::string>& config,
                                     const io::Clock& clock) {
  if (bootstrap == "embedded") return make_embedded_log(directory, clock);
  KafkaSettings settings = TRY(make_kafka_settings(bootstrap, config));
  return open_kafka(settings, clock);
}

}  // namespace ticklake::broker
