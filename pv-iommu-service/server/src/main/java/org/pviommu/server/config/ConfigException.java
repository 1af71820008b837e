package org.pviommu.server.config;

/** The operator's configuration cannot be used. The message names key and value and is all that is shown. */
public final class ConfigException extends RuntimeException {
    private static final long serialVersionUID = 1L;

    /** One sentence with name=value. */
    public ConfigException(String message) {
        super(message);
    }

    /** One sentence with name=value, and what made it so. */
    public ConfigException(String message, Throwable cause) {
        super(message, cause);
    }
}
