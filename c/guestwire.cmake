# add_guestwire(TARGET) makes the library `guestwire` for one of Rust's targets: `rustc --print target-list`.
# Cargo decides what has to be built, so it is asked in every build.

set(GUESTWIRE_FOLDER ${CMAKE_CURRENT_LIST_DIR})

function(add_guestwire target)
    set(folder ${CMAKE_BINARY_DIR}/guestwire)
    set(library ${folder}/${target}/firmware/libguestwire_c.a)
    add_custom_target(guestwire_build
        COMMAND cargo rustc --quiet --profile firmware --crate-type staticlib --target ${target} --target-dir ${folder}
        WORKING_DIRECTORY ${GUESTWIRE_FOLDER}
        BYPRODUCTS ${library}
        VERBATIM)
    add_library(guestwire STATIC IMPORTED GLOBAL)
    add_dependencies(guestwire guestwire_build)
    set_target_properties(guestwire PROPERTIES
        IMPORTED_LOCATION ${library}
        INTERFACE_INCLUDE_DIRECTORIES ${GUESTWIRE_FOLDER}/include)
endfunction()
