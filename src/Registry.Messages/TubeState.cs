namespace Registry.Messages;

/// <summary>Where a tube is in its life.</summary>
public enum TubeState
{
    /// <summary>Admitted; nothing was done yet.</summary>
    New,
    /// <summary>Its peer connection and descriptions are being made; nobody has an offer or answer yet.</summary>
    Initializing,
    /// <summary>The asker has its offer or answer; the peer is being reached.</summary>
    Connecting,
    /// <summary>The peer is connected; no channel is open.</summary>
    Active,
    /// <summary>At least one channel is open.</summary>
    Ready,
    /// <summary>The path does not answer; it may come back.</summary>
    Disconnected,
    /// <summary>It ended for a reason other than a close.</summary>
    Failed,
    /// <summary>An orderly close is under way.</summary>
    Closing,
    /// <summary>Everything was released.</summary>
    Closed,
}

/// <summary>The state's names as text.</summary>
public static class TubeStateText
{
    private static readonly string[] Names = ["new", "initializing", "connecting", "active", "ready", "disconnected", "failed", "closing", "closed"];

    extension(TubeState state)
    {
        /// <summary>The state as lower-case text, such as <c>ready</c>.</summary>
        public string Text => Names[(int)state];

        /// <summary>Reads a state from its text.</summary>
        public static bool TryParseText(string? text, out TubeState parsed)
        {
            var index = Array.IndexOf(Names, text);
            parsed = index < 0 ? default : (TubeState)index;
            return index >= 0;
        }
    }
}
