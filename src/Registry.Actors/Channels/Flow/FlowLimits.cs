namespace Registry.Actors.Channels.Flow;

/// <summary>Bounds on what may wait in memory, in bytes.</summary>
/// <param name="StartWindow">Credit that a connection's peer has at first.</param>
/// <param name="MaxWindow">Most that may wait for one local socket; windows grow up to it.</param>
/// <param name="TubeLimit">Most that may wait in one direction of a tube, all its channels together.</param>
internal readonly record struct FlowLimits(int StartWindow, int MaxWindow, int TubeLimit)
{
    private const int FirstWindow = 256 * 1024;

    /// <summary>The limits a node's settings name.</summary>
    public static FlowLimits From(RegistrySettings settings) =>
        new(Math.Min(FirstWindow, settings.ReceiveLimit), settings.ReceiveLimit, settings.TubeLimit);
}
