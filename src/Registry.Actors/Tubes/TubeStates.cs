using Registry.Messages;

namespace Registry.Actors.Tubes;

/// <summary>How long each state may last and what it means when it lasts longer. A state without a line has no deadline.</summary>
internal static class TubeStates
{
    public readonly record struct Deadline(TimeSpan After, CloseReason Reason, string Text);

    public static Deadline? DeadlineOf(TubeState state, RegistrySettings settings) => state switch
    {
        TubeState.Initializing => new(settings.InitializingTimeout, CloseReason.Timeout, $"The description was not ready within {Seconds(settings.InitializingTimeout)}."),
        TubeState.Connecting => new(settings.ConnectingTimeout, CloseReason.ConnectionFailed, $"The peer was not reached within {Seconds(settings.ConnectingTimeout)}."),
        TubeState.Active => new(settings.ActiveTimeout, CloseReason.Timeout, $"No channel was open for {Seconds(settings.ActiveTimeout)}."),
        TubeState.Disconnected => new(settings.DisconnectedTimeout, CloseReason.ConnectionLost, $"The path did not come back within {Seconds(settings.DisconnectedTimeout)}."),
        TubeState.Closing => new(settings.ClosingTimeout, CloseReason.Timeout, $"The close was not finished within {Seconds(settings.ClosingTimeout)}."),
        _ => null,
    };

    private static string Seconds(TimeSpan span) => string.Create(System.Globalization.CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.###} s");
}
