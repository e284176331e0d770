using System.Collections;
using Registry.Messages.Wire;

namespace Registry.Messages.Tests.Wire;

public sealed class GoldenSpecs
{
    public static readonly TheoryData<int> Rows = Golden.Rows;
    public static readonly TheoryData<int> OlderRows = Golden.OlderRows;

    private static readonly IReadOnlyList<Type> Protocol =
        [.. typeof(IRegistryProtocol).Assembly.GetTypes().Where(t => t.IsAssignableTo(typeof(IRegistryProtocol)) && t is { IsAbstract: false, IsInterface: false })];

    [Fact]
    public void Every_message_has_a_golden_form() => Golden.Table.Select(r => r.Message.GetType()).Distinct().ShouldBe(Protocol, ignoreOrder: true);

    [Fact]
    public void Every_manifest_is_of_two_or_three_letters_and_of_one_message()
    {
        var manifests = Golden.Table.DistinctBy(r => r.Message.GetType()).Select(r => r.Manifest).ToList();

        manifests.ShouldBeUnique();
        manifests.ShouldAllBe(m => m.Length >= 2 && m.Length <= 3 && m.All(char.IsAsciiLetterUpper));
    }

    [Theory]
    [MemberData(nameof(Rows))]
    public void A_golden_form_never_changes(int row)
    {
        var (manifest, message, hex) = Golden.Table[row];

        RegistryCodec.ManifestOf(message).ShouldBe(manifest);
        Convert.ToHexString(RegistryCodec.Encode(message)).ShouldBe(hex);
        var decoded = RegistryCodec.Decode(manifest, Convert.FromHexString(hex));
        decoded.ShouldMatch(message);
        Convert.ToHexString(RegistryCodec.Encode(decoded)).ShouldBe(hex);
    }

    [Theory]
    [MemberData(nameof(OlderRows))]
    public void What_an_older_version_writes_is_read(int row)
    {
        var (manifest, message, hex) = Golden.Older[row];

        RegistryCodec.Decode(manifest, Convert.FromHexString(hex)).ShouldMatch(message);
    }

    [Fact]
    public void Every_property_is_in_a_golden_form()
    {
        foreach (var row in Golden.Table.DistinctBy(r => r.Manifest))
            ShouldBePopulated(row.Message);
    }

    [Fact]
    public void States_and_codes_keep_their_numbers()
    {
        Numbers<DescriptionType>(t => RegistryCodec.Encode(new SetRemoteDescription(new("a"), t, ""))).ShouldBe("Offer=1 Answer=2");
        Numbers<TubeState>(s => RegistryCodec.Encode(new ConnectionStateChanged(new("a"), 0, DateTimeOffset.MinValue, s)))
            .ShouldBe("New=1 Initializing=2 Connecting=3 Active=4 Ready=5 Disconnected=6 Failed=7 Closing=8 Closed=9");
        Numbers<RefusalCode>(c => RegistryCodec.Encode(new Refused(c, ""))).ShouldBe(
            "InvalidSettings=1 InvalidRequest=2 ConversationExists=3 ConversationNotFound=4 TubeNotFound=5 TubeNotReady=6 TubeClosing=7 Overloaded=8 "
            + "OwnerLimit=9 ChannelLimit=10 RelayUnavailable=11 InvalidSdp=12 InvalidCandidate=13 ListenFailed=14 CreateTimeout=15 CreateCancelled=16 CreateFailed=17 "
            + "Draining=18 InternalError=19 NodeUnreachable=20 IceRestartLimit=21 AuditUnavailable=22 NodeNotFound=23 NotSupported=24");
        Numbers<NodeState>(s => RegistryCodec.Encode(new NodesRead([new("", "", s)]))).ShouldBe("Joining=1 Up=2 Draining=3 Leaving=4 Unreachable=5");
    }

    private static string Numbers<T>(Func<T, byte[]> encode) where T : struct, Enum => string.Join(' ', Enum.GetValues<T>().Select(v => $"{v}={encode(v)[^1]}"));

    private static void ShouldBePopulated(object value)
    {
        foreach (var property in Golden.Content(value.GetType()))
        {
            var member = property.GetValue(value);
            Equals(member, property.PropertyType.IsValueType ? Activator.CreateInstance(property.PropertyType) : null).ShouldBeFalse($"{value.GetType().Name}.{property.Name}");
            object[] contents = member is IEnumerable items and not string ? [.. items.Cast<object>()] : [member!];
            contents.ShouldNotBeEmpty($"{value.GetType().Name}.{property.Name}");
            foreach (var inner in contents)
                if (inner.GetType().Assembly == typeof(IRegistryProtocol).Assembly)
                    ShouldBePopulated(inner);
        }
    }
}
