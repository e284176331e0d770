using System.Globalization;
using Registry.Messages;

namespace Registry.Actors.Tubes;

/// <summary>One state of a tube: what may follow it, how long it may last, and what it means when it lasts longer.</summary>
/// <param name="State">The state.</param>
/// <param name="Next">The states that may follow.</param>
internal sealed record TubeStateRule(TubeState State, params TubeState[] Next)
{
    /// <summary>How long it may last; null for as long as it likes, or for no longer than one message.</summary>
    public Func<RegistrySettings, TimeSpan>? Deadline { get; init; }

    /// <summary>The tube's close reason when the deadline passes.</summary>
    public CloseReason Reason { get; init; }

    /// <summary>What happened when the deadline passes, before the deadline itself.</summary>
    public string Text { get; init; } = "";

    /// <summary>What happened when the deadline passes, for people.</summary>
    public string Explain(RegistrySettings settings) => string.Create(CultureInfo.InvariantCulture, $"{Text} {Deadline!(settings).TotalSeconds:0.###} s.");
}

/// <summary>The life of a tube as a table. Every state but <c>ready</c> ends by itself.</summary>
internal static class TubeStates
{
    private static readonly TubeStateRule[] Rules =
    [
        // Left by the message that enters it.
        new(TubeState.New, TubeState.Initializing, TubeState.Failed, TubeState.Closing),
        new(TubeState.Initializing, TubeState.Connecting, TubeState.Failed, TubeState.Closing)
        {
            Deadline = s => s.InitializingTimeout, Reason = CloseReason.Timeout, Text = "The description was not ready within",
        },
        new(TubeState.Connecting, TubeState.Active, TubeState.Failed, TubeState.Closing)
        {
            Deadline = s => s.ConnectingTimeout, Reason = CloseReason.ConnectionFailed, Text = "The peer was not reached within",
        },
        new(TubeState.Active, TubeState.Ready, TubeState.Disconnected, TubeState.Failed, TubeState.Closing)
        {
            Deadline = s => s.ActiveTimeout, Reason = CloseReason.Timeout, Text = "No channel was open for",
        },
        new(TubeState.Ready, TubeState.Active, TubeState.Disconnected, TubeState.Failed, TubeState.Closing),
        new(TubeState.Disconnected, TubeState.Active, TubeState.Failed, TubeState.Closing)
        {
            Deadline = s => s.DisconnectedTimeout, Reason = CloseReason.ConnectionLost, Text = "The path did not come back within",
        },
        // Left by the message that enters it.
        new(TubeState.Failed, TubeState.Closed),
        // What is not done by then is cut off; the tube's reason stays what it was.
        new(TubeState.Closing, TubeState.Closed)
        {
            Deadline = s => s.ClosingTimeout, Reason = CloseReason.Timeout, Text = "The close was not finished within",
        },
        new(TubeState.Closed),
    ];

    public static IReadOnlyList<TubeStateRule> All => Rules;

    public static TubeStateRule RuleOf(TubeState state) => Rules[(int)state];
}
