package org.pviommu.systemtests.differential;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import org.pviommu.engine.Access;
import org.pviommu.engine.FrameRange;

/** What happens next in a world: mostly a call of one of its guests, sometimes something done to one from outside. */
final class RandomSteps {
    private static final int OUTSIDE_ONE_OF = 5;

    private final World world;
    private final Random random;
    private final List<GuestShape> guests;
    private final Map<Integer, RandomCalls> calls = new HashMap<>();

    RandomSteps(World world, WorldShape shape, Random random) {
        this.world = world;
        this.random = random;
        this.guests = shape.guests();
        guests.forEach(guest -> calls.put(guest.guestId(), new RandomCalls(shape, guest, random)));
    }

    /** Takes a step; how many operations were compared in it. */
    int next() {
        GuestShape guest = any();
        if (!world.guest(guest.guestId()).isAlive()) {
            return ofDead(guest);
        }
        if (random.nextInt(OUTSIDE_ONE_OF) == 0) {
            outside(guest);
            return 0;
        }
        return call(guest);
    }

    private GuestShape any() {
        return guests.get(random.nextInt(guests.size()));
    }

    private GuestShape other(GuestShape guest) {
        return guests.stream().filter(each -> !each.equals(guest)).findFirst().orElse(guest);
    }

    private int call(GuestShape guest) {
        Call call = Divergence.found(calls.get(guest.guestId()), "no calls").next();
        world.call(guest.guestId(), call, random.nextInt(50) != 0, random.nextInt(4) != 0);
        return world.guest(guest.guestId()).isAlive() ? call.accessible : 0;
    }

    /** A dead guest that could not be taken down keeps its number for a while. */
    private int ofDead(GuestShape guest) {
        switch (random.nextInt(16)) {
            case 0 -> world.remove(guest.guestId());
            case 1 -> call(guest);
            case 2 -> outside(guest);
            default -> world.add(guest.guestId());
        }
        return 0;
    }

    private void outside(GuestShape guest) {
        int dice = random.nextInt(48);
        if (dice < 14) {
            world.grant(anyGrant(guest));
        } else if (dice < 25) {
            world.revoke(guest.guestId(), anyGrantMfn(guest), random.nextInt(4) != 0);
        } else if (dice < 35) {
            world.unregister(guest.guestId(), anyRegionThatIs(guest));
        } else if (dice < 43) {
            world.register(guest.guestId(), anyRegion(guest));
        } else if (dice < 47) {
            world.remove(guest.guestId());
        } else {
            world.add(guest.guestId());
        }
    }

    private GrantModel.Grant anyGrant(GuestShape owner) {
        FrameRange from = random.nextInt(12) == 0
                ? RandomShapes.GRANTS // frames of a grant cannot be granted on
                : owner.memory().get(random.nextInt(owner.memory().size()));
        long pages = strange(1 + random.nextLong(6), 0, -1, 1L << 41, Long.MIN_VALUE, 30);
        long first = strange(
                from.first() + random.nextLong(Math.max(1, from.count() - 6)), -1, from.last(), 1L << 40, 19, 20);
        long to = strange(RandomShapes.GRANTS.first() + random.nextLong(12), -1, 54, 1L << 40, 0x1011, 0x1001);
        int access = (int) strange(random.nextInt(3) == 0 ? Access.READ : Access.READ_WRITE, 0, Access.WRITE, 4, 7);
        GuestShape grantee = random.nextInt(24) == 0 ? owner : other(owner);
        return new GrantModel.Grant(owner.guestId(), first, pages, grantee.guestId(), to, access);
    }

    /** Nearly always what makes sense. */
    private long strange(long sensible, long... others) {
        return random.nextInt(24) == 0 ? others[random.nextInt(others.length)] : sensible;
    }

    private List<RegionModel> granted(GuestShape guest) {
        return world.guest(guest.guestId()).regions.values().stream()
                .filter(RegionModel::isGranted)
                .toList();
    }

    /** Regions that nothing is mapped to any more, although some of it is held. */
    private static List<RegionModel> owedOnly(GuestModel guest) {
        return guest.regions.values().stream()
                .filter(region -> guest.holds(region) > 0)
                .filter(region -> guest.spaces.values().stream().noneMatch(space -> space.mapsFrom(region.mfns)))
                .toList();
    }

    private long anyGrantMfn(GuestShape guest) {
        List<RegionModel> granted = granted(guest);
        List<RegionModel> used = granted.stream()
                .filter(region -> world.guest(guest.guestId()).holds(region) > 0)
                .toList();
        if (!used.isEmpty() && random.nextBoolean()) {
            return used.getFirst().mfns.first();
        }
        return granted.isEmpty() || random.nextInt(12) == 0
                ? strange(RandomShapes.GRANTS.first() + random.nextLong(12), -1, 0, 1L << 40)
                : granted.get(random.nextInt(granted.size())).mfns.first();
    }

    private FrameRange anyRegion(GuestShape guest) {
        FrameRange region = guest.memory().get(random.nextInt(guest.memory().size()));
        return switch (random.nextInt(24)) {
            case 0 -> new FrameRange(region.first(), region.last() - 1);
            case 1 -> new FrameRange(region.first() + 1, region.last());
            default -> region;
        };
    }

    private FrameRange anyRegionThatIs(GuestShape guest) {
        List<RegionModel> owed = owedOnly(world.guest(guest.guestId()));
        if (!owed.isEmpty() && random.nextInt(4) != 0) {
            return owed.getFirst().mfns;
        }
        List<RegionModel> granted = granted(guest);
        return granted.isEmpty() || random.nextInt(12) != 0 ? anyRegion(guest) : granted.getFirst().mfns;
    }
}
