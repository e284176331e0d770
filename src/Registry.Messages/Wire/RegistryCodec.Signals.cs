namespace Registry.Messages.Wire;

public static partial class RegistryCodec
{
    private static readonly Google.Protobuf.MessageParser<V1.SignalHead> SignalHeads = new Google.Protobuf.MessageParser<V1.SignalHead>(static () => new()).WithDiscardUnknownFields(true);

    private static V1.IceCandidateFound Write(IceCandidateFound signal) =>
        new() { TubeId = signal.TubeId.ToString(), Sequence = signal.Sequence, UtcTicks = signal.Time.UtcTicks, Candidate = signal.Candidate };

    private static IceCandidateFound Read(V1.IceCandidateFound wire) => new(Tube(wire.TubeId), wire.Sequence, Time(wire.UtcTicks), wire.Candidate);

    private static V1.ConnectionStateChanged Write(ConnectionStateChanged signal) =>
        new() { TubeId = signal.TubeId.ToString(), Sequence = signal.Sequence, UtcTicks = signal.Time.UtcTicks, State = TubeStates.Write(signal.State) };

    private static ConnectionStateChanged Read(V1.ConnectionStateChanged wire) =>
        new(Tube(wire.TubeId), wire.Sequence, Time(wire.UtcTicks), TubeStates.Read(wire.State));

    private static V1.IceRestartOffered Write(IceRestartOffered signal) =>
        new() { TubeId = signal.TubeId.ToString(), Sequence = signal.Sequence, UtcTicks = signal.Time.UtcTicks, Offer = signal.Offer };

    private static IceRestartOffered Read(V1.IceRestartOffered wire) => new(Tube(wire.TubeId), wire.Sequence, Time(wire.UtcTicks), wire.Offer);

    private static V1.ChannelOpened Write(ChannelOpened signal) =>
        new() { TubeId = signal.TubeId.ToString(), Sequence = signal.Sequence, UtcTicks = signal.Time.UtcTicks, ChannelId = signal.ChannelId };

    private static ChannelOpened Read(V1.ChannelOpened wire) => new(Tube(wire.TubeId), wire.Sequence, Time(wire.UtcTicks), wire.ChannelId);

    private static V1.ChannelClosed Write(ChannelClosed signal) => new()
    {
        TubeId = signal.TubeId.ToString(),
        Sequence = signal.Sequence,
        UtcTicks = signal.Time.UtcTicks,
        ChannelId = signal.ChannelId,
        Outcome = signal.Outcome,
        Reason = signal.Reason.Code,
    };

    private static ChannelClosed Read(V1.ChannelClosed wire) =>
        new(Tube(wire.TubeId), wire.Sequence, Time(wire.UtcTicks), wire.ChannelId, wire.Outcome, CloseReason.FromCode(wire.Reason));

    private static V1.TubeClosed Write(TubeClosed signal) => new()
    {
        TubeId = signal.TubeId.ToString(),
        Sequence = signal.Sequence,
        UtcTicks = signal.Time.UtcTicks,
        Reason = signal.Reason.Code,
        Text = signal.Text,
    };

    private static TubeClosed Read(V1.TubeClosed wire) =>
        new(Tube(wire.TubeId), wire.Sequence, Time(wire.UtcTicks), CloseReason.FromCode(wire.Reason), wire.Text);

    private static V1.GuacdInstruction Write(GuacdInstruction signal) =>
        new() { TubeId = signal.TubeId.ToString(), Sequence = signal.Sequence, UtcTicks = signal.Time.UtcTicks, ChannelId = signal.ChannelId, Instruction = signal.Instruction };

    private static GuacdInstruction Read(V1.GuacdInstruction wire) => new(Tube(wire.TubeId), wire.Sequence, Time(wire.UtcTicks), wire.ChannelId, wire.Instruction);

    private static V1.NodeDraining Write(NodeDraining signal) => new()
    {
        TubeId = signal.TubeId.ToString(),
        Sequence = signal.Sequence,
        UtcTicks = signal.Time.UtcTicks,
        DeadlineUtcTicks = signal.Deadline.UtcTicks,
    };

    private static NodeDraining Read(V1.NodeDraining wire) => new(Tube(wire.TubeId), wire.Sequence, Time(wire.UtcTicks), Time(wire.DeadlineUtcTicks));

    private static V1.SignalsMissed Write(SignalsMissed signal) =>
        new() { TubeId = signal.TubeId.ToString(), Sequence = signal.Sequence, UtcTicks = signal.Time.UtcTicks, First = signal.First };

    private static SignalsMissed Read(V1.SignalsMissed wire) => new(Tube(wire.TubeId), wire.Sequence, Time(wire.UtcTicks), wire.First);

    // One of a newer version is told as missed, so that the ones around it are not lost with it.
    private static TubeSignal Signal(V1.Enclosed wire)
    {
        if (ByManifest.ContainsKey(wire.Manifest))
            return Enclosed<TubeSignal>(wire);
        var head = SignalHeads.ParseFrom(wire.Body);
        return new SignalsMissed(Tube(head.TubeId), head.Sequence, Time(head.UtcTicks), head.Sequence);
    }
}
