package org.pviommu.server.cli;

import java.util.concurrent.Callable;
import picocli.CommandLine.Command;

/** {@code pvi demo}. */
@Command(name = "demo", mixinStandardHelpOptions = true, description = "x")
final class DemoCommand implements Callable<Integer> {

    @Override
    public Integer call() {
        return ExitCode.DONE;
    }
}
