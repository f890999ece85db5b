#include "app/app.h"

int main(int argc, char** argv) { return ticklake::app::run_command_line(argc, argv); }
