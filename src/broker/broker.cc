#include "broker/broker.h"

#include "broker/embedded_log.h"

namespace ticklake::broker {

Result<std::unique_ptr<Topics>> open(const std::string& bootstrap, const std::string& directory,
                                     const std::map<std::string, std::string>& config,
                                     const io::Clock& clock) {
  if (bootstrap == "embedded") return make_embedded_log(directory, clock);
  (void)config;
  return Error{Code::Unsupported, "Kafka is not here yet"};
}

}  // namespace ticklake::broker
