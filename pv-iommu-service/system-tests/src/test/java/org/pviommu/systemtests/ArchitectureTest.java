package org.pviommu.systemtests;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAPackage;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClasses;
import com.tngtech.archunit.core.domain.JavaModifier;
import com.tngtech.archunit.core.domain.JavaPackage;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.lang.ArchRule;
import java.lang.foreign.MemorySegment;
import java.util.List;
import java.util.stream.Stream;
import org.jspecify.annotations.NullMarked;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/**
 * The rooms of docs/architecture.md and the arrows between them: imports only run downwards, rooms of one floor do not know
 * each other, only the server wires them, and nothing depends on benchmarks or system tests.
 *
 * <p>Class files are looked at, where a constant of another class is just a number: an import for the sake of constants alone
 * is not seen here. Maven sees it, whose dependencies follow the same arrows.
 */
class ArchitectureTest {
    private static final JavaClasses PRODUCT = new ClassFileImporter()
            .withImportOption(new ImportOption.DoNotIncludeTests())
            .withImportOption(location -> !location.contains("-tests.jar"))
            .importPackages("org.pviommu");

    private static final String RAW_MEMORY = "org.pviommu.engine.RawMemory";

    /** A room, and the rooms it may import. */
    enum Room {
        NATIVES("natives"),
        ABI("abi"),
        ENGINE("engine"),
        HOST("host"),
        VIRTIO("virtio"),
        JOURNAL("journal"),
        SERVER("server"),
        SYSTEM_TESTS("systemtests");

        private final String packages;

        Room(String name) {
            this.packages = "org.pviommu." + name + "..";
        }

        List<Room> below() {
            return switch (this) {
                case NATIVES, ABI -> List.of();
                case ENGINE -> List.of(NATIVES, ABI);
                case HOST, VIRTIO, JOURNAL -> List.of(NATIVES, ABI, ENGINE);
                case SERVER -> List.of(NATIVES, ABI, ENGINE, HOST, VIRTIO, JOURNAL);
                case SYSTEM_TESTS -> List.of(NATIVES, ABI, ENGINE, HOST, VIRTIO, JOURNAL, SERVER);
            };
        }

        boolean isEmpty() {
            return PRODUCT.stream().noneMatch(resideInAPackage(packages));
        }

        ArchRule imports(List<Room> allowed) {
            String[] known = Stream.concat(Stream.of(this), allowed.stream())
                    .map(room -> room.packages)
                    .toArray(String[]::new);
            return noClasses()
                    .that()
                    .resideInAPackage(packages)
                    .should()
                    .dependOnClassesThat(resideInAPackage("org.pviommu..").and(not(resideInAnyPackage(known))))
                    .because("imports only run downwards")
                    .allowEmptyShould(isEmpty());
        }
    }

    @ParameterizedTest
    @EnumSource
    void shouldImportOnlyRoomsBelow(Room room) {
        room.imports(room.below()).check(PRODUCT);
    }

    @Test
    void shouldNoticeAnArrowThatIsNotAllowed() {
        // The engine does use the ABI: without that arrow the rule has to fail.
        AssertionError e = assertThrows(
                AssertionError.class,
                () -> Room.ENGINE.imports(List.of(Room.NATIVES)).check(PRODUCT));

        assertTrue(e.toString().contains("org.pviommu.abi.IommuOp.subOp"), e.toString());
    }

    @Test
    void shouldLookAtTheRoomsThatExist() {
        // An empty import would pass every rule.
        for (Room room : List.of(Room.NATIVES, Room.ABI, Room.ENGINE, Room.HOST, Room.JOURNAL, Room.SERVER)) {
            assertTrue(!room.isEmpty(), room + " has no classes on the class path");
        }
    }

    @Test
    void shouldHaveEveryClassInARoom() {
        String[] rooms = Stream.of(Room.values()).map(room -> room.packages).toArray(String[]::new);
        classes().should().resideInAnyPackage(rooms).check(PRODUCT);
    }

    @Test
    void shouldHaveNoCycles() {
        slices().matching("org.pviommu.(*)..").should().beFreeOfCycles().check(PRODUCT);
    }

    /**
     * The engine does no I/O and knows no framework: besides the rooms below it may use the language, the collections and
     * foreign memory, which leaves out files, sockets, Micronaut, Chronicle and everything that will be invented.
     */
    @Test
    void shouldKeepTheEngineFreeOfInputOutputAndFrameworks() {
        classes()
                .that()
                .resideInAPackage("org.pviommu.engine..")
                .should()
                .onlyDependOnClassesThat()
                .resideInAnyPackage(
                        "org.pviommu.engine..",
                        "org.pviommu.abi..",
                        "org.pviommu.natives",
                        "org.jspecify.annotations",
                        "java.lang",
                        "java.lang.annotation",
                        "java.lang.foreign",
                        "java.lang.invoke",
                        "java.lang.runtime",
                        "java.util",
                        "java.util.concurrent..",
                        "java.util.function",
                        "java.util.stream")
                .check(PRODUCT);
        noClasses()
                .that()
                .resideInAPackage("org.pviommu.engine..")
                .should()
                .dependOnClassesThat(describe(
                        "start processes or read files",
                        type -> type.isAssignableTo(Process.class)
                                || type.isAssignableTo(ProcessBuilder.class)
                                || type.isAssignableTo(Runtime.class)))
                .check(PRODUCT);
        noClasses()
                .that()
                .resideInAPackage("org.pviommu.engine..")
                .should()
                .dependOnClassesThat(resideInAPackage("org.pviommu.natives..")
                        .and(describe(
                                "do more than reserve memory",
                                type -> !type.getSimpleName().equals("AnonymousMemory"))))
                .check(PRODUCT);
    }

    @Test
    void shouldKeepUncheckedMemoryToOneClassOfTheEngine() {
        assertTrue(!PRODUCT.get(RAW_MEMORY).getModifiers().contains(JavaModifier.PUBLIC), RAW_MEMORY + " is public");
        noClasses()
                .that()
                .resideOutsideOfPackage("org.pviommu.engine")
                .should()
                .dependOnClassesThat()
                .haveFullyQualifiedName(RAW_MEMORY)
                .check(PRODUCT);
        noClasses()
                .that()
                .resideInAPackage("org.pviommu.engine..")
                .and()
                .doNotHaveFullyQualifiedName(RAW_MEMORY)
                .should()
                .callMethodWhere(describe(
                        "makes a segment larger",
                        call -> call.getName().equals("reinterpret")
                                && call.getTargetOwner().isEquivalentTo(MemorySegment.class)))
                .check(PRODUCT);
    }

    @Test
    void shouldSayInEveryPackageWhatItIsAndThatNothingIsNull() {
        List<String> unmarked = packages()
                .filter(aPackage -> !aPackage.tryGetPackageInfo()
                        .map(info -> info.isAnnotatedWith(NullMarked.class))
                        .orElse(false))
                .map(JavaPackage::getName)
                .toList();

        assertEquals(List.of(), unmarked, "packages without package-info.java or without @NullMarked");
    }

    private static Stream<JavaPackage> packages() {
        return PRODUCT.stream()
                .map(type -> type.getPackage())
                .filter(aPackage -> aPackage.getName().startsWith("org.pviommu"))
                .distinct();
    }
}
