namespace Registry.Host.Cli;

/// <summary>Ends a command with one line for people and a code for scripts.</summary>
/// <param name="exitCode">The code.</param>
/// <param name="message">What is wrong, naming the option or address, and what to do.</param>
internal class CommandException(ExitCode exitCode, string message) : Exception(message)
{
    public ExitCode ExitCode { get; } = exitCode;

    public static CommandException Usage(string message) => new(ExitCode.Usage, message);
}

/// <summary>The gateway answered with an error.</summary>
/// <param name="code">Its code, such as <c>conversation_exists</c>.</param>
/// <param name="retryable">Whether the same request can succeed later.</param>
/// <param name="message">What is wrong and what to do.</param>
internal sealed class GatewayRefusedException(string code, bool retryable, string message) : CommandException(ExitCode.Refused, message)
{
    public string Code { get; } = code;

    public bool Retryable { get; } = retryable;
}
