// The files of the page, inside the program. Private to the folder.
#pragma once

#include <span>
#include <string_view>

namespace ticklake::serving {

struct Asset {
  std::string_view path;  // as it is asked for: "/", "/app.js"
  std::string_view type;
  std::string_view etag;
  std::string_view bytes;
};

// Empty where the program was built without the page (-DTICKLAKE_WEB=OFF).
std::span<const Asset> assets();

}  // namespace ticklake::serving
