using System.Runtime.Serialization;
using System.Text;
using CsCheck;
using Registry.Messages.Cluster;
using Registry.Messages.Wire;

namespace Registry.Messages.Tests.Wire;

public sealed class HostileBytesSpecs
{
    private static readonly Gen<string> Manifests = Gen.OneOf([.. Golden.Table.Select(r => r.Manifest).Distinct()]);

    [Theory]
    [InlineData("")]
    [InlineData("XX")]
    [InlineData("ct")]
    [InlineData("CT ")]
    [InlineData("Registry.Messages.CreateTube, Registry.Messages")]
    public void An_unknown_manifest_is_refused(string manifest) =>
        Should.Throw<SerializationException>(() => RegistryCodec.Decode(manifest, [])).Message.ShouldContain(manifest[..Math.Min(16, manifest.Length)]);

    [Fact]
    public void A_message_of_another_protocol_is_refused()
    {
        Should.Throw<SerializationException>(() => RegistryCodec.ManifestOf(new Stranger())).Message.ShouldContain(nameof(Stranger));
        Should.Throw<SerializationException>(() => RegistryCodec.Encode(new Stranger()));
    }

    [Fact]
    public void A_state_that_does_not_exist_is_not_written() =>
        Should.Throw<SerializationException>(() => RegistryCodec.Encode(new ConnectionStateChanged(new("a"), 1, default, (TubeState)9))).Message.ShouldContain("TubeState");

    [Fact]
    public void A_node_without_an_address_is_not_written() =>
        Should.Throw<SerializationException>(() => RegistryCodec.Encode(new ReserveTube("a", new("a"), default))).Message.ShouldContain("address");

    [Fact]
    public void Only_a_command_that_opens_a_conversation_is_written_inside_of_another_message()
    {
        foreach (var command in Golden.Table.Select(r => r.Message).OfType<IRegistryCommand>().Append(new StrangeCommand()).Where(c => c is not (CreateTube or AssociateConversation)))
        {
            Should.Throw<SerializationException>(() => RegistryCodec.Encode(new OpenConversation(Guid.Empty, command, null))).Message.ShouldContain(command.GetType().Name);
            Should.Throw<SerializationException>(() => RegistryCodec.Encode(new Place(Guid.Empty, 1, command, false))).Message.ShouldContain(command.GetType().Name);
        }
    }

    [Fact]
    public void A_reply_or_signal_of_another_protocol_is_not_written()
    {
        Should.Throw<SerializationException>(() => RegistryCodec.Encode(new PlaceSettled(new("a"), default, 1, new("a", 1), new StrangeReply()))).Message.ShouldContain(nameof(StrangeReply));
        Should.Throw<SerializationException>(() => RegistryCodec.Encode(new SignalsRead([new StrangeSignal()], true))).Message.ShouldContain(nameof(StrangeSignal));
    }

    [Fact]
    public void Only_what_belongs_inside_of_another_message_is_read_there()
    {
        foreach (var (manifest, message, hex) in Golden.Table)
        {
            var enclosed = Enclosed(manifest, Convert.FromHexString(hex));
            ShouldBeReadIf(message is CreateTube or AssociateConversation, "OC", [.. Delimited(1, new byte[16]), .. Delimited(2, enclosed)]);
            ShouldBeReadIf(message is CreateTube or AssociateConversation, "PL", [.. Delimited(1, new byte[16]), .. Delimited(3, enclosed)]);
            ShouldBeReadIf(
                message is RegistryReply,
                "PS",
                [.. Delimited(1, "a"u8.ToArray()), .. Delimited(2, new byte[16]), .. Delimited(4, Delimited(1, "a"u8.ToArray())), .. Delimited(5, enclosed)]);
            ShouldBeReadIf(message is TubeSignal, "SR", Delimited(1, enclosed));
            ShouldBeReadIf(message is TubeSignal, "ER", Delimited(3, enclosed));
        }
    }

    [Fact]
    public void A_message_nested_in_itself_is_refused_whatever_its_depth()
    {
        var bytes = Array.Empty<byte>();
        for (var depth = 0; depth < 1_000; depth++)
            bytes = [.. Delimited(1, new byte[16]), .. Delimited(2, Enclosed("OC", bytes))];

        Should.Throw<SerializationException>(() => RegistryCodec.Decode("OC", bytes)).Message.ShouldContain("may not be inside");
    }

    [Theory]
    [InlineData("GT", "", "tube_id")] // missing
    [InlineData("GT", "0A00", "tube_id")]
    [InlineData("GT", "0A0120", "tube_id")] // a space
    [InlineData("GT", "0A01FF", "UTF-8")]
    [InlineData("GT", "0A0261", "ended unexpectedly")]
    [InlineData("GT", "08FFFFFFFFFFFFFFFFFFFF01", "varint")]
    [InlineData("GT", "00", "tag")]
    [InlineData("CLC", "0A0109", "conversation_id")] // a tab
    [InlineData("CT", "0A0161", "settings")]
    [InlineData("CT", "0A0161" + "1200", "settings")]
    [InlineData("CT", "0A0161" + "1203" + "C03E01", "settings")] // of a newer version
    [InlineData("CT", "0A0161" + "1202" + "0A00", "address")]
    [InlineData("CT", "0A0161" + "1209" + "0A07" + "0A05" + "0102030405", "address")]
    [InlineData("CT", "0A0161" + "120C" + "0A0A" + "0A04" + "7F000001" + "10808004", "port")]
    [InlineData("CT", "0A0161" + "1202" + "1200", "tunnel_dial")]
    [InlineData("CT", "0A0161" + "1205" + "1203" + "0A0161", "tunnel_dial")] // port 0
    [InlineData("CT", "0A0161" + "1205" + "3203" + "0A0161", "raw_dial")] // port 0
    [InlineData("CT", "0A0161" + "1202" + "3A00", "handler")] // no name
    [InlineData("CT", "0A0161" + "1209" + "1207" + "0A0161" + "10808004", "tunnel_dial")] // port 65536
    [InlineData("CT", "0A0161" + "1207" + "1205" + "0A0120" + "1001", "tunnel_dial")] // a space
    [InlineData("CT", "0A0161" + "1202" + "1A00" + "2A00", "tube_id")] // given, but empty
    [InlineData("SRD", "0A0161", "DescriptionType")]
    [InlineData("SRD", "0A0161" + "1003", "DescriptionType")]
    [InlineData("CSC", "0A0161", "TubeState")]
    [InlineData("CSC", "0A0161" + "200A", "TubeState")]
    [InlineData("SM", "0A0161" + "18FFFFFFFFFFFFFFFFFF01", "time")] // -1
    [InlineData("SM", "0A0161" + "18FFFFFFFFFFFFFFFF7F", "time")]
    [InlineData("TC", "0A0161" + "120162" + "1A00", "TubeState")]
    [InlineData("TF", "", "snapshot")]
    [InlineData("TF", "0A05" + "0A0161" + "1801", "traffic")]
    [InlineData("CR", "", "capacity")]
    [InlineData("RF", "", "RefusalCode")]
    [InlineData("LT", "", "query")]
    [InlineData("LT", "0A02" + "1000", "TubeState")] // given, but none
    [InlineData("LT", "0A02" + "100A", "TubeState")] // of a newer version
    [InlineData("LT", "0A02" + "2A00", "tube_id")]
    [InlineData("TR", "", "page")]
    [InlineData("TR", "0A02" + "1200", "tube_id")]
    [InlineData("TR", "0A02" + "0A00", "tube_id")]
    [InlineData("NR", "0A00", "NodeState")]
    [InlineData("NR", "0A0D" + "1801" + "30FFFFFFFFFFFFFFFFFF01", "time")]
    [InlineData("ND", "0A0161" + "20FFFFFFFFFFFFFFFFFF01", "time")]
    [InlineData("SR", "0A00", "tube_id")]
    [InlineData("SR", "0A04" + "0A025858", "tube_id")] // a signal of a newer version that does not even say whose it is
    [InlineData("SR", "0A03" + "0A01FF", "UTF-8")]
    [InlineData("SR", "0A04" + "0A02534D", "tube_id")] // without a body
    [InlineData("SR", "0A07" + "0A02534D" + "120161", "ended unexpectedly")]
    [InlineData("SR", "0A04" + "0A024754", "GetTube may not be inside")]
    [InlineData("ER", "1A04" + "0A02444E", "Done may not be inside")]
    [InlineData("NL", "", "node")]
    [InlineData("NL", "0A00", "capacity")]
    [InlineData("UP", "", "open_id")]
    [InlineData("UP", "0A0F" + "000000000000000000000000000000", "open_id")]
    [InlineData("UP", "0A11" + "0000000000000000000000000000000000", "open_id")]
    [InlineData("OC", "0A10" + "00000000000000000000000000000000", "command")]
    [InlineData("OC", "0A10" + "00000000000000000000000000000000" + "1200", "manifest ''")]
    [InlineData("OC", "0A10" + "00000000000000000000000000000000" + "1204" + "0A024354", "conversation_id")]
    [InlineData("PL", "0A10" + "00000000000000000000000000000000", "command")]
    [InlineData("PS", "0A0161" + "1210" + "00000000000000000000000000000000", "node")]
    [InlineData("PS", "0A0161" + "1210" + "00000000000000000000000000000000" + "2200", "reply")]
    [InlineData("CH", "0A0161" + "120161", "node")]
    [InlineData("SH", "1200" + "1A00", "conversation_id")]
    [InlineData("OH", "1200" + "1A00", "tube_id")]
    public void What_is_wrong_is_named(string manifest, string hex, string what) =>
        Should.Throw<SerializationException>(() => RegistryCodec.Decode(manifest, Convert.FromHexString(hex))).Message.ShouldContain(what);

    [Fact]
    public void Random_bytes_do_no_harm() => Gen.Select(Manifests, Gen.Byte.Array[0, 200]).Sample((manifest, bytes) => Exercise(manifest, bytes), iter: 20_000);

    [Fact]
    public void Random_fields_do_no_harm()
    {
        var number = Gen.Select(Gen.Int[1, 19], Gen.OneOf(Gen.ULong[0, 20], Gen.ULong), (field, value) => (byte[])[.. Varint((uint)field << 3), .. Varint(value)]);
        var text = Gen.Select(Gen.Int[1, 15], Gen.OneOf(Gen.Const("a"u8.ToArray()), Gen.Byte.Array[16], Gen.Byte.Array[0, 20]), Delimited);
        var nested = Gen.Select(Gen.Int[1, 15], Gen.OneOf(number, text).Array[0, 6], (field, fields) => Delimited(field, [.. fields.SelectMany(f => f)]));

        var enclosed = Gen.Select(
            Gen.Int[1, 5],
            Manifests,
            Gen.OneOf(number, text, nested).Array[0, 6],
            (field, manifest, fields) => Delimited(field, Enclosed(manifest, [.. fields.SelectMany(f => f)])));

        Gen.Select(Manifests, Gen.OneOf(number, text, nested, enclosed).Array[0, 12]).Sample((manifest, fields) => Exercise(manifest, [.. fields.SelectMany(f => f)]), iter: 20_000);
    }

    [Fact]
    public void Damaged_messages_do_no_harm() =>
        Gen.Select(AnyMessage.Any, Gen.Select(Gen.Int[0, 5000], Gen.Int[0, 7]).Array[0, 4], Gen.Int[0, 5000]).Sample(
            (message, flips, length) =>
            {
                var bytes = RegistryCodec.Encode(message);
                foreach (var (at, bit) in flips)
                    if (bytes.Length > 0)
                        bytes[at % bytes.Length] ^= (byte)(1 << bit);
                Exercise(RegistryCodec.ManifestOf(message), bytes);
                Exercise(RegistryCodec.ManifestOf(message), bytes.AsSpan(0, length % (bytes.Length + 1)));
            },
            iter: 5_000);

    /// <summary>Bytes are refused, or give a message that can be written and read like any other.</summary>
    private static void Exercise(string manifest, ReadOnlySpan<byte> bytes)
    {
        IRegistryProtocol message;
        try
        {
            message = RegistryCodec.Decode(manifest, bytes);
        }
        catch (SerializationException)
        {
            return;
        }

        message.ReadAgain().ShouldMatch(message);
    }

    private static void ShouldBeReadIf(bool allowed, string manifest, byte[] bytes)
    {
        if (allowed)
            Convert.ToHexString(RegistryCodec.Encode(RegistryCodec.Decode(manifest, bytes))).ShouldBe(Convert.ToHexString(bytes));
        else
            Should.Throw<SerializationException>(() => RegistryCodec.Decode(manifest, bytes)).Message.ShouldContain("may not be inside");
    }

    private static byte[] Enclosed(string manifest, byte[] body) => [.. Delimited(1, Encoding.ASCII.GetBytes(manifest)), .. body.Length > 0 ? Delimited(2, body) : []];

    private static byte[] Delimited(int field, byte[] content) => [.. Varint((uint)field << 3 | 2), .. Varint((ulong)content.Length), .. content];

    private static byte[] Varint(ulong value) => value < 0x80 ? [(byte)value] : [(byte)(value | 0x80), .. Varint(value >> 7)];

    private sealed record Stranger : IRegistryProtocol;

    private sealed record StrangeCommand : IRegistryCommand;

    private sealed record StrangeReply : RegistryReply;

    private sealed record StrangeSignal() : TubeSignal(new("a"), 1, default)
    {
        public override string Kind => "strange";
    }
}
