# add_guestwire(TARGET) makes the library `guestwire` for one of Rust's targets: `rustc --print target-list`.
# Cargo decides what has to be built, so it is asked in every build.

set(GUESTWIRE_FOLDER ${CMAKE_CURRENT_LIST_DIR})

function(add_guestwire target)
    if(target STREQUAL "")
        message(FATAL_ERROR "guestwire: Rust's name of the processor is missing. rustc --print target-list has them all.")
    endif()
    if(TARGET guestwire)
        get_target_property(other guestwire GUESTWIRE_TARGET)
        if(NOT target STREQUAL other)
            message(FATAL_ERROR "guestwire: it is built for ${other} already, and not for ${target}.")
        endif()
        return()
    endif()
    find_program(GUESTWIRE_CARGO cargo HINTS $ENV{HOME}/.cargo/bin)
    if(NOT GUESTWIRE_CARGO)
        message(FATAL_ERROR "guestwire: there is no cargo. https://rustup.rs has it.")
    endif()
    set(folder ${CMAKE_BINARY_DIR}/guestwire)
    set(library ${folder}/${target}/firmware/libguestwire_c.a)
    add_custom_target(guestwire_build
        COMMAND ${GUESTWIRE_CARGO} rustc --quiet --locked --profile firmware --crate-type staticlib --target ${target}
            --target-dir ${folder}
        WORKING_DIRECTORY ${GUESTWIRE_FOLDER}
        BYPRODUCTS ${library}
        VERBATIM)
    add_library(guestwire STATIC IMPORTED GLOBAL)
    add_dependencies(guestwire guestwire_build)
    set_target_properties(guestwire PROPERTIES
        GUESTWIRE_TARGET ${target}
        IMPORTED_LOCATION ${library}
        INTERFACE_INCLUDE_DIRECTORIES ${GUESTWIRE_FOLDER}/include)
endfunction()
